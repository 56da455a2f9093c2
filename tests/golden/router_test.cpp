// The balance loss against load_balancing_loss_func of transformers (make_references.py), which
// divides by the positions of a batch and not by k: it is k times ours of one layer, where the
// batch is what experts are counted over.
#include "model/router.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "checkpoint/safetensors.h"
#include "support/tolerances.h"

namespace superpose::model {
namespace {

constexpr std::int64_t kExperts = 6;
constexpr std::int64_t kPerPosition = 2;

struct Result {
  double loss = 0;
  at::Tensor gradient;
};

// The loss alone, of the logits of whole rows as a step.
Result balance_of(const at::Tensor& logits, std::int64_t rows, BalanceScope scope,
                  const at::Tensor& last_sums) {
  const at::Tensor leaf = logits.clone().set_requires_grad(true);
  const at::Tensor sums = at::zeros({router_sums_size(kExperts)});
  const double positions = static_cast<double>(logits.size(0));
  route(leaf, {kPerPosition, rows, {1 / positions, 0, scope}, sums, last_sums})
      .probabilities.mul(0)
      .sum()
      .backward();
  return {router_figures(sums, kPerPosition).balance_loss, leaf.grad()};
}

class RouterReference : public ::testing::Test {
 protected:
  void expect(const Result& result, const std::string& name) {
    const double loss = reference_.tensor("loss." + name).item<double>();
    const at::Tensor gradient = reference_.tensor("grad." + name);
    EXPECT_GT(loss, 1.1 * kPerPosition) << "experts are used unequally";
    // Sums of at most 24 x 6 numbers in f32, on both sides.
    EXPECT_NEAR(kPerPosition * result.loss, loss,
                2 * test::likely_sum_tolerance(test::kEpsilonF32, 24 * kExperts, loss));
    const double largest = gradient.abs().max().item<double>();
    EXPECT_GT(largest, 0.001);
    EXPECT_LE(result.gradient.mul(kPerPosition).sub(gradient).abs().max().item<double>(),
              2 * test::likely_sum_tolerance(test::kEpsilonF32, 24 * kExperts, largest));
  }
  const checkpoint::SafetensorsFile reference_{std::filesystem::path(SUPERPOSE_SOURCE_DIR) /
                                               "tests/golden/references/router.safetensors"};
};

TEST_F(RouterReference, OneRowIsABatchOfItsOwn) {
  const at::Tensor logits = reference_.tensor("logits");
  expect(balance_of(logits.narrow(0, 0, 12), 1, BalanceScope::kSequence, {}), "row0");
  expect(balance_of(logits.narrow(0, 12, 12), 1, BalanceScope::kSequence, {}), "row1");
  const double rows =
      reference_.tensor("loss.row0").item<double>() + reference_.tensor("loss.row1").item<double>();
  EXPECT_NEAR(balance_of(logits, 2, BalanceScope::kSequence, {}).loss * kPerPosition, rows / 2,
              1e-5);
}

TEST_F(RouterReference, WithTheCountsOfThisStepTheStepIsTheBatch) {
  const at::Tensor logits = reference_.tensor("logits");
  const at::Tensor counted = at::zeros({router_sums_size(kExperts)});
  route(logits.clone().set_requires_grad(true),
        {kPerPosition, 2, {}, counted, at::zeros_like(counted)});
  expect(balance_of(logits, 2, BalanceScope::kStep, counted), "batch");
}

}  // namespace
}  // namespace superpose::model
