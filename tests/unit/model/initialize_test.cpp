#include "model/initialize.h"

#include <gtest/gtest.h>

#include <cmath>

#include "small_decoder.h"

namespace superpose::model {
namespace {

constexpr const char* kQuery = "model.layers.1.self_attn.q_proj.weight";
constexpr const char* kOutput = "model.layers.1.self_attn.o_proj.weight";
constexpr const char* kDown = "model.layers.0.mlp.down_proj.weight";

double rms(const at::Tensor& weight) { return weight.square().mean().sqrt().item<double>(); }

TEST(Initialize, FollowsItsTable) {
  const test::SmallDecoder small;
  const auto expect_std = [&](const char* name, double std) {
    const at::Tensor weight = small.parameters.view(name);
    // A sample's rms over n normal values has a standard deviation of std / sqrt(2 n).
    const double six_sigma = 6 * std / std::sqrt(2.0 * static_cast<double>(weight.numel()));
    EXPECT_NEAR(rms(weight), std, six_sigma) << name;
  };
  expect_std("model.embed_tokens.weight", 0.02);
  expect_std("lm_head.weight", 0.02);
  expect_std(kQuery, 0.02);
  expect_std("model.layers.0.mlp.gate_proj.weight", 0.02);
  expect_std(kOutput, 0.02 / std::sqrt(4.0));
  expect_std(kDown, 0.02 / std::sqrt(4.0));
  EXPECT_TRUE(small.parameters.view("model.norm.weight").eq(1).all().item<bool>());
  EXPECT_TRUE(
      small.parameters.view("model.layers.1.input_layernorm.weight").eq(1).all().item<bool>());
}

TEST(Initialize, AWeightHangsOnSeedAndNameAlone) {
  test::SmallDecoder small;
  ModelConfig wider = test::small_config();
  wider.num_layers = 5;
  wider.vocab_size = 128;
  const test::SmallDecoder other(wider);
  EXPECT_TRUE(small.parameters.view(kQuery).equal(other.parameters.view(kQuery)));
  EXPECT_FALSE(small.parameters.view(kQuery).equal(
      small.parameters.view("model.layers.0.self_attn.q_proj.weight")));
  const at::Tensor before = small.parameters.view(kQuery).clone();
  initialize(small.parameters, small.config, 8);
  EXPECT_FALSE(small.parameters.view(kQuery).equal(before));
  initialize(small.parameters, small.config, 7);
  EXPECT_TRUE(small.parameters.view(kQuery).equal(before));
}

TEST(Initialize, RefreshesTheBf16Copy) {
  const test::SmallDecoder small(test::small_config(), at::kCPU, at::kBFloat16);
  EXPECT_TRUE(
      small.parameters.compute_view(kQuery).equal(small.parameters.view(kQuery).to(at::kBFloat16)));
}

}  // namespace
}  // namespace superpose::model
