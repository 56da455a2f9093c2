#include "model/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "small_decoder.h"
#include "support/error_of.h"
#include "support/names.h"

namespace superpose::model {
namespace {

using test::names;
using ::testing::HasSubstr;

std::string error_of(const ModelConfig& config, std::int64_t vocabulary = 0) {
  return test::error_of([&] { resolve(config, vocabulary); });
}

TEST(ModelConfig, FillsWhatIsLeftOpen) {
  ModelConfig config;
  config.hidden_size = 96;
  config.num_layers = 1;
  config.num_heads = 3;
  config.ffn_size = 8;
  const ModelConfig resolved = resolve(config, 320);
  EXPECT_EQ(resolved.vocab_size, 320);
  EXPECT_EQ(resolved.num_kv_heads, 3);
  EXPECT_EQ(resolved.head_dim, 32);
  EXPECT_EQ(resolved.rope_theta, 10'000);
  EXPECT_EQ(resolved.norm_eps, 1e-5);
  EXPECT_EQ(resolved.init_std, 0.02);
  EXPECT_EQ(resolved.max_positions, 2048);
  EXPECT_EQ(resolved.tie_embeddings, Toggle::kOff);
  EXPECT_EQ(resolved.qk_norm, Toggle::kOff);
  EXPECT_EQ(resolved.qkv_bias, Toggle::kOff);
  EXPECT_TRUE(resolved.rotates(0));
}

TEST(ModelConfig, PresetsBringTheirArchitecture) {
  ModelConfig config;
  config.preset = "smollm3-3b";
  const ModelConfig smollm3 = resolve(config, 0);
  EXPECT_TRUE(smollm3.rotates(2));
  EXPECT_FALSE(smollm3.rotates(3));
  EXPECT_EQ(smollm3.max_positions, 65'536);
  config.preset = "qwen3-0.6b";
  const ModelConfig qwen3 = resolve(config, 0);
  EXPECT_TRUE(qwen3.has_qk_norm());
  EXPECT_EQ(qwen3.head_dim, 128);
  EXPECT_EQ(qwen3.norm_eps, 1e-6);
}

TEST(ModelConfig, RefusesWhatNoArchitectureHas) {
  ModelConfig config = test::small_config();
  config.qk_norm = Toggle::kOn;
  config.no_rope_interval = 4;
  EXPECT_THAT(error_of(config), names("model", "only one", "qk_norm"));
  config.no_rope_interval = -1;
  EXPECT_THAT(error_of(config), names("model.no_rope_interval", ">= 0", "-1"));
}

TEST(ModelConfig, RefusesExpertsInNoLayer) {
  ModelConfig config = test::small_config();
  config.num_layers = 2;
  config.qk_norm = Toggle::kOn;
  config.moe.num_experts = 4;
  config.moe.ffn_size = 16;
  EXPECT_EQ(error_of(config), "");
  config.moe.every = 3;
  EXPECT_THAT(error_of(config), HasSubstr("model.moe"));
  config.moe.every = 1;
  config.moe.dense_layers = {0, 1};
  EXPECT_THAT(error_of(config), HasSubstr("model.moe"));
}

// A preset's vocabulary is what bench measures; a corpus may need more rows.
TEST(ModelConfig, ThePresetsVocabularyGrowsToTheCorpus) {
  ModelConfig config;
  config.preset = "tiny";
  EXPECT_EQ(resolve(config, 0).vocab_size, 256);
  EXPECT_EQ(resolve(config, 320).vocab_size, 320);
  config.preset = "small";
  EXPECT_EQ(resolve(config, 320).vocab_size, 32'000);
  config.vocab_size = 300;
  EXPECT_THAT(error_of(config, 320), names("model.vocab_size", ">="));
}

TEST(ModelConfig, ResolvingTwiceChangesNothing) {
  ModelConfig config;
  config.preset = "small";
  const ModelConfig once = resolve(config, 0);
  const ModelConfig twice = resolve(once, 0);
  EXPECT_EQ(once.num_kv_heads, 4);
  EXPECT_EQ(twice.num_kv_heads, 4);
  EXPECT_EQ(twice.hidden_size, once.hidden_size);
  EXPECT_EQ(twice.rope_theta, once.rope_theta);
  EXPECT_EQ(twice.tie_embeddings, once.tie_embeddings);
}

TEST(ModelConfig, TheRecipeWinsOverThePreset) {
  ModelConfig config;
  config.preset = "demo";
  config.num_layers = 9;
  config.tie_embeddings = Toggle::kOff;
  const ModelConfig resolved = resolve(config, 320);
  EXPECT_EQ(resolved.num_layers, 9);
  EXPECT_EQ(resolved.hidden_size, 96);
  EXPECT_FALSE(resolved.tied());
  config.tie_embeddings = Toggle::kPreset;
  EXPECT_TRUE(resolve(config, 320).tied());
  config.num_heads = 6;  // the preset's three key/value heads would go with its three heads alone
  EXPECT_EQ(resolve(config, 320).num_kv_heads, 6);
}

TEST(ModelConfig, NamesTheKeyOfWhatCannotBeBuilt) {
  EXPECT_THAT(error_of({}, 320), names("model.hidden_size", "> 0"));
  ModelConfig config = test::small_config();
  config.preset = "tini";
  EXPECT_THAT(error_of(config), names("model.preset", "demo", "tiny"));
  config = test::small_config();
  config.num_kv_heads = 3;
  EXPECT_THAT(error_of(config), names("model.num_kv_heads", "num_heads", "4", "3"));
  config = test::small_config();
  config.head_dim = 7;
  EXPECT_THAT(error_of(config), names("model.head_dim", "even"));
  config = test::small_config();
  config.head_dim = 0;
  config.num_heads = 5;
  config.num_kv_heads = 5;
  EXPECT_THAT(error_of(config), names("model.head_dim", "given"));
  EXPECT_THAT(error_of(test::small_config(), 65), names("model.vocab_size", ">="));
  config = test::small_config();
  config.ffn_size = -1;
  EXPECT_THAT(error_of(config), names("model.ffn_size", ">= 0", "-1"));
  config = test::small_config();
  config.rope_scaling.high_freq_factor = 0.5;
  EXPECT_THAT(error_of(config), HasSubstr("model.rope_scaling.high_freq_factor"));
}

}  // namespace
}  // namespace superpose::model
