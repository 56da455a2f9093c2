#include "data/slot_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "../corpus/corpus_support.h"
#include "support/names.h"

namespace superpose::data {
namespace {

using test::error_of;
using test::names;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::int64_t> slots(const std::vector<double>& weights) {
  return slots_of_weights(weights);
}

TEST(Slots, AreTheWeightsByTheLargestRemainder) {
  EXPECT_THAT(slots({1}), ElementsAre(65536));
  EXPECT_THAT(slots({3, 1}), ElementsAre(49152, 16384));
  // 65536 / 3 = 21845 1/3: the one that is missing goes to the first of equals.
  EXPECT_THAT(slots({1, 1, 1}), ElementsAre(21846, 21845, 21845));
  // 0.9 * 65536 = 58982.4 and 6553.6.
  EXPECT_THAT(slots({0.9, 0.1}), ElementsAre(58982, 6554));
  EXPECT_THAT(slots({0, 5}), ElementsAre(0, 65536));
  EXPECT_THAT(slots({1e300, 1e300}), ElementsAre(32768, 32768));
}

TEST(Slots, EveryPositiveWeightHasOne) {
  EXPECT_THAT(slots({1e-9, 1, 1e-12, 0}), ElementsAre(1, 65534, 1, 0));
  std::vector<double> many(40'000, 1e-9);
  many.push_back(1);
  const auto counts = slots(many);
  EXPECT_EQ(*std::min_element(counts.begin(), counts.end()), 1);
  EXPECT_EQ(counts.back(), 65536 - 40'000);
}

TEST(Slots, RefuseWeightsThatMeanNothing) {
  EXPECT_THAT(error_of([] { slots({0, 0}); }), names("weight", "> 0"));
  EXPECT_THAT(error_of([] { slots({}); }), names("weight", "> 0"));
  EXPECT_THAT(error_of([] { slots({1, -0.5}); }), HasSubstr("must be >= 0, got -0.5"));
  EXPECT_THAT(error_of([] { slots({std::numeric_limits<double>::quiet_NaN()}); }),
              HasSubstr("must be >= 0, got nan"));
  EXPECT_THAT(error_of([] { slots(std::vector<double>(70'000, 1)); }), HasSubstr("got 70000"));
}

// The rule spelled out: quotients, sorted. Equal rational numbers give equal doubles, and different
// ones of such denominators different doubles.
std::vector<std::size_t> spelled_out(const std::vector<std::int64_t>& counts) {
  std::vector<std::pair<double, std::size_t>> places;
  for (std::size_t source = 0; source < counts.size(); ++source) {
    for (std::int64_t j = 0; j < counts[source]; ++j) {
      const double place = (static_cast<double>(j) + 0.5) / static_cast<double>(counts[source]);
      places.emplace_back(place, source);
    }
  }
  std::sort(places.begin(), places.end());
  std::vector<std::size_t> sources;
  for (const auto& [place, source] : places) sources.push_back(source);
  return sources;
}

TEST(SlotPattern, IsTheRuleSpelledOut) {
  for (const std::vector<double>& weights : std::vector<std::vector<double>>{
           {1}, {1, 1}, {0.9, 0.1}, {0.7, 0, 0.2, 0.1}, {1, 1e-9, 2}, {5, 3, 2, 7, 1, 1}}) {
    const auto counts = slots(weights);
    const SlotPattern pattern(counts);
    const auto expected = spelled_out(counts);
    std::vector<std::int64_t> seen(weights.size(), 0);
    for (std::int64_t row = 0; row < 2 * kPatternSlots + 99; ++row) {
      const auto source = expected[static_cast<std::size_t>(row % kPatternSlots)];
      ASSERT_EQ(pattern.source_of(row), static_cast<std::int64_t>(source)) << row;
      if (row % 257 == 0) {
        for (std::size_t i = 0; i < seen.size(); ++i) {
          ASSERT_EQ(pattern.count(static_cast<std::int64_t>(i), row), seen[i]) << row;
        }
      }
      ++seen[source];
    }
  }
}

// Before row t source i has stood round(c_i t) times, all of n sources P t +- n / 2 times.
TEST(SlotPattern, SpreadsEverySourceEvenly) {
  const std::vector<double> weights = {0.55, 0.3, 0.1, 0.0499, 0.0001};
  const auto counts = slots(weights);
  const SlotPattern pattern(counts);
  const double bound = 0.5 + 0.5 * static_cast<double>(weights.size());
  for (std::int64_t rows = 0; rows <= kPatternSlots; ++rows) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double share = static_cast<double>(counts[i]) / static_cast<double>(kPatternSlots);
      const auto count = static_cast<double>(pattern.count(static_cast<std::int64_t>(i), rows));
      ASSERT_NEAR(count, share * static_cast<double>(rows), bound) << rows << " " << i;
    }
  }
  // The rarest source stands in the middle of its parts, not at their ends.
  const std::int64_t rare = counts[4];
  ASSERT_EQ(rare, 6);
  for (std::int64_t part = 0; part < rare; ++part) {
    EXPECT_EQ(pattern.count(4, (part + 1) * kPatternSlots / rare), part + 1);
  }
}

TEST(SlotPattern, RefusesSlotsThatDoNotAddUp) {
  EXPECT_THAT(error_of([] { SlotPattern(std::vector<std::int64_t>{1, 2}); }), names("65536", "3"));
  EXPECT_THAT(error_of([] {
                SlotPattern(std::vector<std::int64_t>{-1, 65537});
              }),
              HasSubstr("got -1"));
}

}  // namespace
}  // namespace superpose::data
