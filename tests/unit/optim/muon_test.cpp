#include "optim/muon.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include "model/flat_parameters.h"
#include "optim/optimizer.h"
#include "support/tolerances.h"

namespace superpose::optim {
namespace {

// The quintic on singular values, in f64.
at::Tensor by_singular_values(const at::Tensor& matrix) {
  auto [u, s, v] = at::linalg_svd(matrix.to(at::kDouble), /*full_matrices=*/false);
  s = s / s.norm();
  for (int i = 0; i < 5; ++i) s = s * 3.4445 - s.pow(3) * 4.7750 + s.pow(5) * 2.0315;
  return at::mm(u * s, v);
}

TEST(Muon, MovesSingularValuesByTheQuintic) {
  for (const auto& [rows, columns] : {std::pair{8, 8}, std::pair{40, 24}, std::pair{24, 100}}) {
    const at::Tensor matrix = at::randn({rows, columns}, at::kFloat);
    const at::Tensor expected = by_singular_values(matrix);
    const at::Tensor found = orthogonal(matrix);
    ASSERT_EQ(found.sizes(), matrix.sizes());
    EXPECT_LE((found.to(at::kDouble) - expected).abs().max().item<double>(), 1e-4);
    const at::Tensor values =
        std::get<1>(at::linalg_svd(found.to(at::kDouble), /*full_matrices=*/false));
    EXPECT_LT(values.max().item<double>(), 1.3);
  }
}

TEST(Muon, LeavesAGradientOfZerosAtRest) {
  const at::Tensor none = at::zeros_like(at::randn({4, 6}, at::kFloat));
  EXPECT_EQ(orthogonal(none).abs().max().item<double>(), 0);
}

TEST(Muon, UpdatesMatricesOfLayersAlone) {
  const std::vector<model::UnitSpec> units = {
      {"embedding", {{"table", {9, 6}, model::Role::kEmbedding}}},
      {"layer",
       {{"q", {4, 6}},
        {"k", {2, 6}, model::Role::kMatrix, true},
        {"norm", {7}, model::Role::kVector}}}};
  model::FlatParameters parameters(units, at::kCPU, at::kBFloat16);
  for (const model::Parameter& weight : parameters.list()) {
    parameters.view(weight.name).copy_(at::randn(weight.shape, at::kFloat));
    parameters.gradient_view(weight.name).copy_(at::randn(weight.shape, at::kFloat));
  }
  OptimConfig config;
  config.matrices = MatrixRule::kMuon;
  const at::Tensor q = parameters.view("q").clone();
  Optimizer optimizer(config, parameters);
  optimizer.step(1e-2, 0.5);
  std::vector<std::pair<std::string, std::string>> states;
  for (const Optimizer::WeightState& state : optimizer.states()) {
    states.emplace_back(state.weight, state.state);
  }
  EXPECT_EQ(states, (std::vector<std::pair<std::string, std::string>>{{"table", "exp_avg"},
                                                                      {"table", "exp_avg_sq"},
                                                                      {"q", "momentum"},
                                                                      {"k", "momentum"},
                                                                      {"norm", "exp_avg"},
                                                                      {"norm", "exp_avg_sq"}}));
  EXPECT_EQ(state_bytes(config, units), 8 * (54 + 7) + 4 * (24 + 12));
  // A first update: the mean is (1 - 0.95) g, so the direction is that of g itself.
  const at::Tensor direction = by_singular_values(parameters.gradient_view("q"));
  const at::Tensor expected =
      q.to(at::kDouble) * (1 - 1e-2 * 0.1) - direction * (1e-2 * 0.2 * std::sqrt(6.0));
  EXPECT_LE((parameters.view("q").to(at::kDouble) - expected).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE(parameters.compute_view("q").equal(parameters.view("q").to(at::kBFloat16)));
}

}  // namespace
}  // namespace superpose::optim
