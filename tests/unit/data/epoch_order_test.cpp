#include "data/epoch_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "../corpus/corpus_support.h"

namespace superpose::data {
namespace {

using ::testing::HasSubstr;

std::vector<std::int64_t> lane_tokens(const EpochOrder& order, std::int64_t epoch,
                                      std::int64_t lane) {
  std::vector<std::int64_t> tokens;
  while (std::ssize(tokens) < order.lane_length(lane)) {
    const corpus::TokenRange range = order.range_at(epoch, lane, std::ssize(tokens));
    EXPECT_GE(range.count, 1);
    for (std::int64_t i = 0; i < range.count; ++i) tokens.push_back(range.first + i);
  }
  EXPECT_EQ(std::ssize(tokens), order.lane_length(lane));
  return tokens;
}

std::vector<std::int64_t> epoch_tokens(const EpochOrder& order, std::int64_t epoch,
                                       std::int64_t lanes) {
  std::vector<std::int64_t> tokens;
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    const auto part = lane_tokens(order, epoch, lane);
    tokens.insert(tokens.end(), part.begin(), part.end());
  }
  return tokens;
}

TEST(EpochOrder, EveryEpochReadsEveryTokenOnce) {
  for (const std::int64_t n : {1, 2, 7, 64, 100, 1000}) {
    for (const std::int64_t block : {1, 3, 10, 64, 5000}) {
      for (const std::int64_t lanes : {1, 2, 3, 7, 40}) {
        if (lanes > n) continue;
        const EpochOrder order({n, block, lanes, 5});
        for (const std::int64_t epoch : {0, 1, 12345}) {
          auto tokens = epoch_tokens(order, epoch, lanes);
          std::sort(tokens.begin(), tokens.end());
          std::vector<std::int64_t> all(static_cast<std::size_t>(n));
          std::iota(all.begin(), all.end(), 0);
          ASSERT_EQ(tokens, all) << n << " " << block << " " << lanes << " " << epoch;
        }
      }
    }
  }
}

TEST(EpochOrder, AnyOffsetAgreesWithReadingFromTheStart) {
  const EpochOrder order({103, 10, 4, 1});
  for (std::int64_t lane = 0; lane < 4; ++lane) {
    const auto tokens = lane_tokens(order, 3, lane);
    for (std::int64_t offset = 0; offset < order.lane_length(lane); ++offset) {
      const corpus::TokenRange range = order.range_at(3, lane, offset);
      EXPECT_EQ(range.first, tokens[static_cast<std::size_t>(offset)]);
      // A range ends where block or lane does, not before.
      const bool lane_ends = offset + range.count == order.lane_length(lane);
      const std::int64_t end = range.first + range.count;
      EXPECT_TRUE(lane_ends || end % 10 == 0 || end == 103);
    }
  }
}

TEST(EpochOrder, LanesAreEqualToOneToken) {
  const EpochOrder order({1000003, 64, 1024, 0});
  std::int64_t total = 0;
  for (std::int64_t lane = 0; lane < 1024; ++lane) {
    EXPECT_GE(order.lane_length(lane), 1000003 / 1024);
    EXPECT_LE(order.lane_length(lane), 1000003 / 1024 + 1);
    total += order.lane_length(lane);
  }
  EXPECT_EQ(total, 1000003);
}

TEST(EpochOrder, SeedAndEpochChangeTheOrder) {
  const EpochOrder order({1000, 10, 4, 1});
  const EpochOrder again({1000, 10, 4, 1});
  const EpochOrder other({1000, 10, 4, 2});
  EXPECT_EQ(epoch_tokens(order, 0, 4), epoch_tokens(again, 0, 4));
  EXPECT_NE(epoch_tokens(order, 0, 4), epoch_tokens(order, 1, 4));
  EXPECT_NE(epoch_tokens(order, 0, 4), epoch_tokens(other, 0, 4));
}

TEST(EpochOrder, HugeCorporaDoNotOverflow) {
  const std::int64_t n = std::int64_t{1} << 45;
  const EpochOrder order({n, 65536, 1024, 3});
  const corpus::TokenRange range = order.range_at(2, 1023, order.lane_length(1023) - 1);
  EXPECT_GE(range.first, 0);
  EXPECT_LT(range.first, n);
  EXPECT_EQ(range.count, 1);
}

TEST(EpochOrder, RefusesAnImpossibleCut) {
  EXPECT_THAT(test::error_of([] { EpochOrder({10, 4, 11, 0}); }), HasSubstr("got 11 for 10"));
  EXPECT_THAT(test::error_of([] { EpochOrder({10, 0, 1, 0}); }), HasSubstr("block_tokens"));
}

}  // namespace
}  // namespace superpose::data
