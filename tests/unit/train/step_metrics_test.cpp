#include "train/step_metrics.h"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace superpose::train {
namespace {

at::Tensor empty_elements() { return at::zeros({step_metrics_size()}, at::kFloat); }

TEST(StepMetrics, HoldsEachMetricApart) {
  const at::Tensor elements = empty_elements();
  const StepMetrics metrics(elements);
  metrics.sum(Metric::kLoss).add_(1.25);
  metrics.sum(Metric::kLoss).add_(0.25);
  metrics.set(Metric::kStopVotes, 1);
  metrics.set(Metric::kRawTokens, 123'456'789'012);
  metrics.set(Metric::kIdsHash, 0xfedcba9876543210);
  const StepMetrics::Sums sums = metrics.read();
  EXPECT_EQ(sums.float_of(Metric::kLoss), 1.5);
  EXPECT_EQ(sums.integer_of(Metric::kStopVotes), 1U);
  EXPECT_EQ(sums.integer_of(Metric::kRawTokens), 123'456'789'012U);
  EXPECT_EQ(sums.integer_of(Metric::kIdsHash), 0xfedcba9876543210U);
}

TEST(StepMetrics, SumsOfManyRanksAreExact) {
  constexpr std::uint64_t kRanks = 256;
  at::Tensor sum = empty_elements();
  std::uint64_t tokens = 0;
  std::uint64_t hash = 0;
  for (std::uint64_t rank = 0; rank < kRanks; ++rank) {
    const std::uint64_t token_count = 0xffff'ffff - rank;
    const std::uint64_t ids_hash = 0xffff'ffff'ffff'ffff - rank * 0x1234'5678'9abc;
    const at::Tensor elements = empty_elements();
    const StepMetrics metrics(elements);
    metrics.set(Metric::kStopVotes, rank == 7 ? 1 : 0);
    metrics.set(Metric::kRawTokens, token_count);
    metrics.set(Metric::kIdsHash, ids_hash);
    sum += elements;
    tokens += token_count;
    hash += ids_hash;  // wraps, as it should
  }
  const StepMetrics::Sums sums = StepMetrics(sum).read();
  EXPECT_EQ(sums.integer_of(Metric::kStopVotes), 1U);
  EXPECT_EQ(sums.integer_of(Metric::kRawTokens), tokens);
  EXPECT_EQ(sums.integer_of(Metric::kIdsHash), hash);
}

TEST(StepMetrics, RefusesTheOtherKindOfNumber) {
  const StepMetrics metrics(empty_elements());
  EXPECT_THROW(metrics.set(Metric::kLoss, 1), c10::ValueError);
  EXPECT_THROW(metrics.sum(Metric::kRawTokens), c10::ValueError);
}

}  // namespace
}  // namespace superpose::train
