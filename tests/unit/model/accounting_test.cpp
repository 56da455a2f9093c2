#include "model/accounting.h"

#include <gtest/gtest.h>

#include "model/decoder.h"
#include "model/flat_parameters.h"
#include "small_decoder.h"

namespace superpose::model {
namespace {

std::int64_t built_count(const ModelConfig& config) {
  const FlatParameters parameters(decoder_units(config), at::kMeta, at::kFloat);
  std::int64_t count = 0;
  for (const Parameter& parameter : parameters.list()) count += parameter.numel();
  return count;
}

ModelConfig preset(const std::string& name) {
  ModelConfig config;
  config.preset = name;
  return resolve(config, config.preset == "demo" ? 320 : 0);
}

TEST(Accounting, CountsWhatIsBuiltForEveryPreset) {
  for (const std::string& name : preset_names()) {
    const ModelConfig config = preset(name);
    EXPECT_EQ(parameter_count(config), built_count(config)) << name;
    const FlatParameters parameters(decoder_units(config), at::kMeta, at::kFloat);
    const Decoder decoder(config, parameters);
    EXPECT_EQ(decoder.config().num_layers, config.num_layers);
  }
}

TEST(Accounting, CountsWhatIsBuiltForEveryVariant) {
  for (const Toggle tied : {Toggle::kOff, Toggle::kOn}) {
    for (const auto& [name, shape] : test::architectures()) {
      SCOPED_TRACE(name);
      ModelConfig config = shape;
      config.tie_embeddings = tied;
      config = resolve(config, 0);
      EXPECT_EQ(parameter_count(config), built_count(config));
    }
  }
}

TEST(Accounting, CountsBiases) {
  ModelConfig config = resolve(test::small_config(), 0);
  const std::int64_t without = built_count(config);
  config.qkv_bias = Toggle::kOn;
  EXPECT_EQ(parameter_count(config), built_count(config));
  EXPECT_EQ(built_count(config) - without, config.num_layers * (4 + 2 + 2) * 8);
}

TEST(Accounting, PresetsHaveTheirPublishedSizes) {
  EXPECT_EQ(parameter_count(preset("demo")), 473'952);
  EXPECT_EQ(parameter_count(preset("tiny")), 2'755'008);
  EXPECT_NEAR(static_cast<double>(parameter_count(preset("small"))), 56e6, 0.5e6);
  EXPECT_NEAR(static_cast<double>(parameter_count(preset("smollm-163m"))), 163e6, 0.5e6);
  EXPECT_NEAR(static_cast<double>(parameter_count(preset("paper-270m"))), 267e6, 0.5e6);
  EXPECT_NEAR(static_cast<double>(parameter_count(preset("paper-600m"))), 600e6, 0.5e6);
  EXPECT_NEAR(static_cast<double>(parameter_count(preset("paper-3b"))), 3.34e9, 0.01e9);
  EXPECT_EQ(parameter_count(preset("smollm2-135m")), 134'515'008);
  EXPECT_EQ(parameter_count(preset("smollm2-360m")), 361'821'120);
  EXPECT_EQ(parameter_count(preset("smollm3-3b")), 3'075'098'624);
  EXPECT_EQ(parameter_count(preset("qwen3-0.6b")), 596'049'920);
  EXPECT_EQ(parameter_count(preset("qwen3-30b-a3b")), 30'532'122'624);
  EXPECT_NEAR(static_cast<double>(active_parameter_count(preset("qwen3-30b-a3b"))), 3.35e9, 0.01e9);
  EXPECT_NEAR(static_cast<double>(parameter_count(preset("paper-10b-a1b"))), 10.1e9, 0.1e9);
  EXPECT_NEAR(
      static_cast<double>(active_parameter_count(preset("paper-10b-a1b")) - 128'256 * 1'536),
      1.01e9, 0.01e9);
  EXPECT_EQ(active_parameter_count(preset("tiny")), parameter_count(preset("tiny")));
}

TEST(Accounting, FlopsAreThoseOfTheProducts) {
  ModelConfig config = test::small_config();
  config.tie_embeddings = Toggle::kOff;
  const ModelConfig untied = resolve(config, 0);
  config.tie_embeddings = Toggle::kOn;
  const ModelConfig tied = resolve(config, 0);
  // By hand: V 64, D 24, 2 layers, 4 heads of 8, 2 of them kept for keys, F 40.
  const double layer = 24 * 8 * (2 * 4 + 2 * 2) + 3 * 24 * 40 + 2 * 24;
  const double products = 2 * layer + 24 + 64 * 24;
  const double attention = 2 * 16 * 4 * 8;
  EXPECT_EQ(flops_per_position(untied, 16), 6 * (products + attention));
  EXPECT_EQ(flops_per_position(tied, 16), flops_per_position(untied, 16));
}

TEST(Accounting, MemoryGrowsWithWhatItIsOf) {
  const ModelConfig config = preset("small");
  const MemoryEstimate f32 = estimate_memory(config, {.rows = 4, .sequence_length = 512});
  EXPECT_EQ(f32.parameters, 4 * parameter_count(config));
  EXPECT_EQ(f32.gradients, 4 * parameter_count(config));
  const MemoryEstimate bf16 =
      estimate_memory(config, {.rows = 4, .sequence_length = 512, .bf16 = true});
  EXPECT_EQ(bf16.parameters, 6 * parameter_count(config));
  EXPECT_LT(bf16.activations, f32.activations);
  const MemoryEstimate twice = estimate_memory(config, {.rows = 8, .sequence_length = 512});
  EXPECT_GT(twice.activations, f32.activations * 3 / 2);
}

TEST(Memory, RecomputingKeepsOneLayerInPlaceOfAll) {
  const ModelConfig config = preset("small");
  MemoryRequest request{.rows = 4, .sequence_length = 512};
  const auto activations = [&](std::int64_t every) {
    request.recompute_every = every;
    return estimate_memory(config, request).activations;
  };
  EXPECT_GT(activations(0), activations(4));
  EXPECT_GT(activations(4), activations(2));
  EXPECT_GT(activations(2), activations(1));
  EXPECT_EQ(activations(0), activations(config.num_layers + 1));
}

}  // namespace
}  // namespace superpose::model
