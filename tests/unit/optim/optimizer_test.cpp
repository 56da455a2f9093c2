#include "optim/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

namespace superpose::optim {
namespace {

using model::FlatParameters;
using model::Role;

std::vector<model::UnitSpec> some_units() {
  return {
      {"embedding", {{"table", {9, 5}, Role::kEmbedding}}},
      {"layer", {{"q", {4, 6}}, {"k", {2, 6}, Role::kMatrix, true}, {"norm", {7}, Role::kVector}}}};
}

void fill(FlatParameters& parameters) {
  for (const model::Parameter& weight : parameters.list()) {
    parameters.view(weight.name).copy_(at::randn(weight.shape, at::kFloat));
    parameters.gradient_view(weight.name).copy_(at::randn(weight.shape, at::kFloat));
  }
  parameters.refresh_compute();
}

TEST(Optimizer, HoldsTwoStatesOfEveryWeight) {
  const FlatParameters parameters(some_units(), at::kCPU, at::kFloat);
  const Optimizer optimizer({}, parameters);
  std::vector<std::tuple<std::string, std::string, std::int64_t>> found;
  for (const Optimizer::WeightState& state : optimizer.states()) {
    found.emplace_back(state.weight, state.state, state.values.numel());
  }
  EXPECT_EQ(found, (std::vector<std::tuple<std::string, std::string, std::int64_t>>{
                       {"table", "exp_avg", 45},
                       {"table", "exp_avg_sq", 45},
                       {"q", "exp_avg", 24},
                       {"q", "exp_avg_sq", 24},
                       {"k", "exp_avg", 12},
                       {"k", "exp_avg_sq", 12},
                       {"norm", "exp_avg", 7},
                       {"norm", "exp_avg_sq", 7}}));
  EXPECT_EQ(state_bytes({}, some_units()), 8 * (45 + 24 + 12 + 7));
  EXPECT_EQ(update_bytes({}, some_units(), /*copies=*/false), 28 * (45 + 24 + 12 + 7));
  EXPECT_EQ(update_bytes({}, some_units(), /*copies=*/true), 30 * (45 + 24 + 12 + 7));
}

TEST(Optimizer, DecaysMatricesAndNotVectors) {
  FlatParameters parameters(some_units(), at::kCPU, at::kFloat);
  fill(parameters);
  parameters.zero_gradient();
  const at::Tensor before = parameters.master().clone();
  Optimizer optimizer({}, parameters);
  optimizer.step(1e-2, 1.0);
  EXPECT_EQ(optimizer.step_count(), 1);
  const float kept = static_cast<float>(1 - 1e-2 * 0.1);
  for (const model::Parameter& weight : parameters.list()) {
    const at::Tensor old = before.narrow(0, weight.offset, weight.numel());
    EXPECT_TRUE(parameters.view(weight.name).flatten().equal(weight.is_vector() ? old : old * kept))
        << weight.name;
  }
}

TEST(Optimizer, RoundsTheUpdatedWeightsIntoTheCopy) {
  FlatParameters parameters(some_units(), at::kCPU, at::kBFloat16);
  fill(parameters);
  Optimizer optimizer({}, parameters);
  optimizer.step(1e-2, 0.5);
  for (const model::Parameter& weight : parameters.list()) {
    const at::Tensor master = parameters.view(weight.name);
    EXPECT_TRUE(parameters.compute_view(weight.name)
                    .equal(weight.is_vector() ? master : master.to(at::kBFloat16)))
        << weight.name;
  }
}

TEST(Optimizer, StartsAgainAfterAReset) {
  FlatParameters parameters(some_units(), at::kCPU, at::kFloat);
  fill(parameters);
  const at::Tensor start = parameters.master().clone();
  Optimizer optimizer({}, parameters);
  optimizer.step(1e-2, 1.0);
  optimizer.step(1e-2, 1.0);
  const at::Tensor once = parameters.master().clone();
  optimizer.reset();
  EXPECT_EQ(optimizer.step_count(), 0);
  parameters.master().copy_(start);
  optimizer.step(1e-2, 1.0);
  optimizer.step(1e-2, 1.0);
  EXPECT_TRUE(parameters.master().equal(once));
}

}  // namespace
}  // namespace superpose::optim
