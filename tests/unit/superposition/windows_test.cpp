#include "superposition/windows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include "support/error_of.h"
#include "support/names.h"
#include "util/error.h"
#include "util/random.h"

namespace superpose::superposition {
namespace {

using test::names;
using ::testing::ElementsAre;

struct Cut {
  std::vector<std::int64_t> inputs;   // [L, a]
  std::vector<std::int64_t> targets;  // [L, b]

  bool operator==(const Cut&) const = default;
};

std::size_t count(std::int64_t n) { return static_cast<std::size_t>(n); }

Cut cut(const WindowShape& shape, const std::vector<std::int32_t>& raw,
        const std::vector<std::int32_t>& documents = {}) {
  // Filled with what no answer holds, so that an element left out is seen.
  Cut result{std::vector<std::int64_t>(count(shape.sequence_length * shape.bags.bag_size), -7),
             std::vector<std::int64_t>(count(shape.sequence_length * shape.bags.target_size), -7)};
  cut_window(shape, raw, documents, result.inputs, result.targets);
  return result;
}

std::string error_of(const WindowShape& shape, const std::vector<std::int32_t>& raw,
                     const std::vector<std::int32_t>& documents = {}) {
  return test::error_of([&] { cut(shape, raw, documents); });
}

std::vector<std::int32_t> numbered(std::int64_t length) {
  std::vector<std::int32_t> raw(count(length));
  std::iota(raw.begin(), raw.end(), 0);
  return raw;
}

TEST(Windows, FollowTheFormulasForEveryShape) {
  for (std::int64_t a = 1; a <= 7; ++a) {
    for (std::int64_t b = 1; b <= 7; ++b) {
      for (const std::int64_t length : {1, 2, 3, 8, 13}) {
        const WindowShape shape{length, a, b};
        ASSERT_EQ(shape.length(), a * length + b);
        ASSERT_EQ(shape.advance(), a * length);
        const Cut got = cut(shape, numbered(shape.length()));
        for (std::int64_t j = 0; j < length; ++j) {
          for (std::int64_t i = 0; i < a; ++i) ASSERT_EQ(got.inputs[count(j * a + i)], j * a + i);
          for (std::int64_t i = 0; i < b; ++i) {
            ASSERT_EQ(got.targets[count(j * b + i)], (j + 1) * a + i);
          }
        }
      }
    }
  }
}

TEST(Windows, BagSizeOneIsTheOrdinaryShiftByOne) {
  const std::vector<std::int32_t> raw = {5, 3, 8, 1, 9};
  const Cut got = cut({.sequence_length = 4, .bags = {1, 1}}, raw);
  EXPECT_THAT(got.inputs, ElementsAre(5, 3, 8, 1));
  EXPECT_THAT(got.targets, ElementsAre(3, 8, 1, 9));
}

TEST(Windows, TargetsOfABagAreTheNextInputBag) {
  const WindowShape shape{.sequence_length = 5, .bags = {3, 3}};
  const Cut got = cut(shape, numbered(shape.length()));
  EXPECT_TRUE(std::equal(got.inputs.begin() + 3, got.inputs.end(), got.targets.begin()));
}

// No bag may look at what it predicts: raw positions >= (j + 1) a reach no input bag <= j.
TEST(Windows, InputsEndWhereTheirTargetsBegin) {
  const WindowShape shape{.sequence_length = 6, .bags = {4, 2}};
  const Cut original = cut(shape, numbered(shape.length()));
  for (std::int64_t j = 0; j < shape.sequence_length; ++j) {
    std::vector<std::int32_t> changed = numbered(shape.length());
    for (std::size_t p = count((j + 1) * shape.bags.bag_size); p < changed.size(); ++p)
      changed[p] += 100;
    const Cut got = cut(shape, changed);
    const auto end = got.inputs.begin() + (j + 1) * shape.bags.bag_size;
    EXPECT_TRUE(std::equal(got.inputs.begin(), end, original.inputs.begin()));
    EXPECT_NE(got.targets[count(j * shape.bags.target_size)],
              original.targets[count(j * shape.bags.target_size)]);
  }
}

// Rows that follow each other in a lane read each raw token once, and their targets overlap by b.
TEST(Windows, ConsecutiveRowsTileTheStream) {
  const WindowShape shape{.sequence_length = 3, .bags = {2, 2}};
  const std::vector<std::int32_t> stream = numbered(3 * shape.advance() + shape.bags.target_size);
  std::vector<std::int64_t> read;
  for (std::int64_t row = 0; row < 3; ++row) {
    const auto first = stream.begin() + row * shape.advance();
    const Cut got = cut(shape, {first, first + shape.length()});
    read.insert(read.end(), got.inputs.begin(), got.inputs.end());
  }
  EXPECT_TRUE(std::equal(read.begin(), read.end(), stream.begin()));
  EXPECT_EQ(read.size(), count(3 * shape.advance()));
}

TEST(Windows, PaddingIsNeverATarget) {
  // Documents {1, 2, 3} and {4, 5, 6, 7}, padded to bags of 2.
  const Cut got = cut({.sequence_length = 3, .bags = {2, 2}}, {1, 2, 3, kPadding, 4, 5, 6, 7});
  EXPECT_THAT(got.inputs, ElementsAre(1, 2, 3, -1, 4, 5));
  EXPECT_THAT(got.targets, ElementsAre(3, -100, 4, 5, 6, 7));
}

TEST(Windows, TargetsOfAnotherDocumentAreIgnored) {
  const Cut got = cut({.sequence_length = 3, .bags = {2, 2}}, {1, 2, 3, kPadding, 4, 5, 6, 7},
                      {0, 0, 0, 0, 1, 1, 1, 1});
  EXPECT_THAT(got.inputs, ElementsAre(1, 2, 3, -1, 4, 5));
  EXPECT_THAT(got.targets, ElementsAre(3, -100, -100, -100, 6, 7));
}

TEST(Windows, DocumentOfABagIsThatOfItsLastToken) {
  // One bag holds the end of document 0 and the start of document 1: it continues in document 1.
  const Cut straddling =
      cut({.sequence_length = 1, .bags = {3, 2}}, {1, 2, 3, 4, 5}, {0, 0, 1, 1, 2});
  EXPECT_THAT(straddling.targets, ElementsAre(4, -100));
  // Padding does not count, whatever document it is said to be in.
  const Cut padded =
      cut({.sequence_length = 1, .bags = {3, 2}}, {1, kPadding, kPadding, 4, 5}, {0, 9, 9, 0, 9});
  EXPECT_THAT(padded.targets, ElementsAre(4, -100));
}

TEST(Windows, RandomDocumentsFollowTheRuleWordForWord) {
  for (std::uint64_t trial = 0; trial < 500; ++trial) {
    const std::uint64_t key = util::stream_key(trial, "windows_test");
    const auto draw = [&](std::uint64_t index, std::uint64_t below) {
      return static_cast<std::int32_t>(util::random_bits(key, index) % below);
    };
    const WindowShape shape{1 + draw(0, 6), 1 + draw(1, 5), 1 + draw(2, 5)};
    std::vector<std::int32_t> raw(count(shape.length()));
    std::vector<std::int32_t> documents(raw.size());
    std::int32_t document = 0;
    for (std::size_t p = 0; p < raw.size(); ++p) {
      // Numbers are only compared: neighbours in the stream need not have rising ones.
      if (draw(10 + 3 * p, 4) == 0) document = draw(12 + 3 * p, 3);
      documents[p] = document;
      // The first token of a bag is kept, so that no bag is empty.
      const bool padding = draw(11 + 3 * p, 4) == 0 && p % count(shape.bags.bag_size) != 0;
      raw[p] = padding ? kPadding : static_cast<std::int32_t>(p);
    }
    const Cut got = cut(shape, raw, documents);
    for (std::int64_t j = 0; j < shape.sequence_length; ++j) {
      std::int32_t of_bag = -1;
      for (std::int64_t p = j * shape.bags.bag_size; p < (j + 1) * shape.bags.bag_size; ++p) {
        ASSERT_EQ(got.inputs[count(p)], raw[count(p)]);
        if (raw[count(p)] != kPadding) of_bag = documents[count(p)];
      }
      for (std::int64_t i = 0; i < shape.bags.target_size; ++i) {
        const std::size_t p = count((j + 1) * shape.bags.bag_size + i);
        const bool valid = raw[p] != kPadding && documents[p] == of_bag;
        ASSERT_EQ(got.targets[count(j * shape.bags.target_size + i)], valid ? raw[p] : -100);
      }
    }
  }
}

TEST(Windows, BagOfPaddingAloneIsAnError) {
  EXPECT_THAT(error_of({.sequence_length = 2, .bags = {2, 1}}, {1, 2, kPadding, kPadding, 3}),
              names("padding", "bag 1"));
}

TEST(Windows, SizesThatDoNotFitAreErrors) {
  const WindowShape shape{.sequence_length = 2, .bags = {2, 1}};
  EXPECT_THAT(error_of(shape, {1, 2, 3, 4}), names("raw", "5", "4"));
  EXPECT_THAT(error_of(shape, {1, 2, 3, 4, 5}, {0, 0}), names("documents", "5"));
  EXPECT_THAT(error_of({.sequence_length = 1, .bags = {0, 1}}, {1}), names(">= 1"));
  const std::vector<std::int32_t> raw = {1, 2, 3, 4, 5};
  std::vector<std::int64_t> right(4);
  std::vector<std::int64_t> targets(2);
  std::vector<std::int64_t> wrong(3);
  EXPECT_THROW(cut_window(shape, raw, {}, wrong, targets), util::Error);
  EXPECT_THROW(cut_window(shape, raw, {}, right, wrong), util::Error);
}

}  // namespace
}  // namespace superpose::superposition
