// Muon against torch.optim.Muon (make_references.py).
#include "optim/muon.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "checkpoint/safetensors.h"

namespace superpose {
namespace {

at::Tensor gradient_of(at::IntArrayRef shape, std::int64_t step) {
  const at::Tensor index = at::arange(shape[0] * shape[1], at::kDouble);
  const double frequency = 0.37 * static_cast<double>(step + 1);
  return (at::sin(index * frequency) + at::cos(index) * 0.1).view(shape).to(at::kFloat);
}

class MuonReference : public testing::TestWithParam<std::string> {};

TEST_P(MuonReference, TwentyUpdates) {
  const checkpoint::SafetensorsFile reference(std::filesystem::path(SUPERPOSE_SOURCE_DIR) /
                                              "tests/golden/references/muon.safetensors");
  const std::string& name = GetParam();
  const at::Tensor weight = reference.tensor("start." + name).clone();
  const at::Tensor momentum = at::zeros_like(weight);
  const optim::Muon muon({});
  for (std::int64_t step = 0; step < 20; ++step) {
    muon.update({.master = weight.flatten(),
                 .gradient = gradient_of(weight.sizes(), step).flatten(),
                 .states = {momentum.flatten()},
                 .shape = weight.sizes().vec()},
                {.learning_rate = 0.01, .weight_decay = 0.1, .number = step + 1});
  }
  const auto largest_difference = [&](const std::string& kind) {
    return (weight - reference.tensor(kind + "." + name)).abs().max().item<double>();
  };
  // Five iterations of products of f32, each update 0.01 x 0.2 sqrt(40) long at most.
  EXPECT_LE(largest_difference("f64"), 2e-5);
  // torch rounds the iterations to bf16, and is as far from us as from its own f64.
  const double rounding = (reference.tensor("torch." + name) - reference.tensor("f64." + name))
                              .abs()
                              .max()
                              .item<double>();
  EXPECT_NEAR(largest_difference("torch"), rounding, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Golden, MuonReference, ::testing::Values("wide", "tall"));

}  // namespace
}  // namespace superpose
