#include "model/flat_parameters.h"

#include <gtest/gtest.h>

#include <tuple>

#include "model/decoder.h"
#include "small_decoder.h"

namespace superpose::model {
namespace {

std::vector<UnitSpec> some_units() {
  return {{"first", {{"a", {3, 5}}, {"norm", {7}, Role::kVector}}},
          {"second",
           {{"q", {4, 6}},
            {"k", {2, 6}, Role::kMatrix, true},
            {"v", {2, 6}, Role::kMatrix, true},
            {"z", {1, 1}, Role::kHead}}}};
}

TEST(FlatParameters, LaysOutUnitsWithMatricesFirstAtAlignedOffsets) {
  const FlatParameters parameters(some_units(), at::kCPU, at::kFloat);
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters.list()) names.push_back(parameter.name);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "norm", "q", "k", "v", "z"}));
  const std::vector<std::int64_t> offsets = {0, 32, 64, 88, 100, 128};
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    EXPECT_EQ(parameters.list()[i].offset, offsets[i]) << names[i];
  }
  ASSERT_EQ(parameters.units().size(), 2U);
  const Unit& first = parameters.units()[0];
  EXPECT_EQ(first.name, "first");
  EXPECT_EQ(std::tuple(first.begin, first.vectors, first.end), std::tuple(0, 32, 64));
  const Unit& second = parameters.units()[1];
  EXPECT_EQ(std::tuple(second.begin, second.vectors, second.end), std::tuple(64, 160, 160));
  EXPECT_EQ(parameters.size(), 160);
  const auto address = reinterpret_cast<std::uintptr_t>(parameters.master().const_data_ptr());
  EXPECT_EQ(address % 64, 0U);
}

TEST(FlatParameters, ViewsShareTheBuffers) {
  FlatParameters parameters(some_units(), at::kCPU, at::kFloat);
  parameters.view("k").fill_(2.0);
  parameters.gradient_view("norm").fill_(3.0);
  EXPECT_EQ(parameters.master().sum().item<double>(), 24.0);
  EXPECT_EQ(parameters.gradient().sum().item<double>(), 21.0);
  EXPECT_TRUE(parameters.compute_view("k").is_alias_of(parameters.master()));
  EXPECT_EQ(parameters.view("k").sizes(), (at::IntArrayRef{2, 6}));
  parameters.mailbox().fill_(1.0);
  EXPECT_EQ(parameters.gradient().sum().item<double>(), 21.0);
  EXPECT_EQ(parameters.gradient_with_mailbox().sum().item<double>(),
            21.0 + FlatParameters::kMailbox);
  parameters.zero_gradient();
  EXPECT_EQ(parameters.gradient_with_mailbox().abs().sum().item<double>(), 0.0);
}

TEST(FlatParameters, SumsLieBehindTheMailboxAndAreKeptForAStep) {
  std::vector<UnitSpec> units = some_units();
  units[0].sums = {{"router/0", 3}};
  units[1].sums = {{"router/1", 2}};
  FlatParameters parameters(units, at::kCPU, at::kFloat);
  EXPECT_EQ(parameters.gradient_with_mailbox().numel(),
            parameters.size() + FlatParameters::kMailbox + 5);
  parameters.sums("router/0").fill_(1.0);
  parameters.sums("router/1").fill_(2.0);
  EXPECT_EQ(parameters.gradient_with_mailbox().sum().item<double>(), 7.0);
  EXPECT_EQ(parameters.mailbox().abs().sum().item<double>(), 0.0);
  EXPECT_EQ(parameters.all_last_sums().abs().sum().item<double>(), 0.0);
  parameters.keep_sums();
  parameters.zero_gradient();
  EXPECT_EQ(parameters.sums("router/1").sum().item<double>(), 0.0);
  EXPECT_EQ(parameters.last_sums("router/1").sum().item<double>(), 4.0);
  EXPECT_EQ(parameters.all_last_sums().sum().item<double>(), 7.0);
  EXPECT_THROW(parameters.sums("router/2"), c10::ValueError);
}

TEST(FlatParameters, JoinsNeighboursInOneView) {
  FlatParameters parameters(some_units(), at::kCPU, at::kFloat);
  parameters.view("q").fill_(1.0);
  parameters.view("k").fill_(2.0);
  parameters.view("v").fill_(3.0);
  const at::Tensor joined = parameters.joined_compute_view("q", "v");
  ASSERT_EQ(joined.sizes(), (at::IntArrayRef{8, 6}));
  EXPECT_EQ(joined[3][0].item<float>(), 1.0F);
  EXPECT_EQ(joined[4][0].item<float>(), 2.0F);
  EXPECT_EQ(joined[7][5].item<float>(), 3.0F);
  parameters.joined_gradient_view("q", "v").fill_(1.0);
  EXPECT_EQ(parameters.gradient_view("v").sum().item<double>(), 12.0);
  EXPECT_THROW(parameters.joined_compute_view("v", "q"), c10::ValueError);
}

TEST(FlatParameters, KeepsABf16CopyOfMatricesAndNormsInF32) {
  FlatParameters parameters(some_units(), at::kCPU, at::kBFloat16);
  parameters.view("q").fill_(1.0 + 1.0 / 512);  // rounds to 1 in bf16
  parameters.view("norm").fill_(1.0 + 1.0 / 512);
  parameters.refresh_compute();
  EXPECT_EQ(parameters.compute_view("q").scalar_type(), at::kBFloat16);
  EXPECT_EQ(parameters.compute_view("q")[0][0].item<float>(), 1.0F);
  EXPECT_EQ(parameters.compute_view("norm").scalar_type(), at::kFloat);
  EXPECT_EQ(parameters.compute_view("norm")[0].item<float>(), 1.0F + 1.0F / 512);
  const auto* start = static_cast<const char*>(parameters.compute_view("a").const_data_ptr());
  for (const char* name : {"q", "z"}) {
    const auto* at = static_cast<const char*>(parameters.compute_view(name).const_data_ptr());
    EXPECT_EQ((at - start) % 64, 0) << name;
  }
}

TEST(FlatParameters, RefusesUnknownAndDoubleNamesAndOtherTypes) {
  const FlatParameters parameters(some_units(), at::kCPU, at::kFloat);
  EXPECT_THROW(parameters.view("nothing"), c10::ValueError);
  EXPECT_THROW(FlatParameters({{"u", {{"a", {1}}}}, {"v", {{"a", {2}}}}}, at::kCPU, at::kFloat),
               c10::ValueError);
  EXPECT_THROW(FlatParameters({{"u", {{"a", {1}}}}}, at::kCPU, at::kDouble), c10::ValueError);
}

TEST(FlatParameters, HoldsADecoderUnderHuggingFaceNames) {
  ModelConfig shape = test::small_config();
  shape.qk_norm = Toggle::kOn;
  const ModelConfig config = resolve(shape, 0);
  const FlatParameters parameters(decoder_units(config), at::kMeta, at::kFloat);
  EXPECT_EQ(parameters.list().size(), 1 + 2 * 11 + 2);
  EXPECT_EQ(parameters.view("model.embed_tokens.weight").sizes(), (at::IntArrayRef{64, 24}));
  EXPECT_EQ(parameters.view("model.layers.1.self_attn.k_proj.weight").sizes(),
            (at::IntArrayRef{16, 24}));
  EXPECT_EQ(parameters.view("model.layers.0.self_attn.o_proj.weight").sizes(),
            (at::IntArrayRef{24, 32}));
  EXPECT_EQ(parameters.view("model.layers.0.self_attn.q_norm.weight").sizes(),
            (at::IntArrayRef{8}));
  EXPECT_EQ(parameters.view("model.layers.1.mlp.down_proj.weight").sizes(),
            (at::IntArrayRef{24, 40}));
  EXPECT_EQ(parameters.view("lm_head.weight").sizes(), (at::IntArrayRef{64, 24}));
  for (const Parameter& parameter : parameters.list()) {
    EXPECT_EQ(parameter.is_vector(), parameter.shape.size() == 1) << parameter.name;
  }
}

}  // namespace
}  // namespace superpose::model
