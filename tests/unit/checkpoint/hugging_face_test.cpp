#include "checkpoint/hugging_face.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/names.h"
#include "support/shared.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::checkpoint {
namespace {

using test::names;
using util::Json;

HuggingFaceModel llama3_like() {
  HuggingFaceModel model;
  model.architecture = Architecture::kLlama;
  model.vocab_size = 320;
  model.hidden_size = 64;
  model.intermediate_size = 112;
  model.num_hidden_layers = 3;
  model.num_attention_heads = 4;
  model.num_key_value_heads = 2;
  model.head_dim = 16;
  model.max_position_embeddings = 128;
  model.rms_norm_eps = 1e-5;
  model.rope_theta = 500'000;
  model.rope_scaling = Llama3RopeScaling{.factor = 8,
                                         .low_freq_factor = 1,
                                         .high_freq_factor = 4,
                                         .original_max_position_embeddings = 64};
  model.tie_word_embeddings = true;
  model.bos_token_id = 1;
  model.eos_token_ids = {2, 5};
  return model;
}

HuggingFaceModel qwen3_like() {
  HuggingFaceModel model = llama3_like();
  model.architecture = Architecture::kQwen3;
  model.head_dim = 32;  // not hidden / heads
  model.rope_scaling.reset();
  model.tie_word_embeddings = false;
  model.bos_token_id.reset();
  model.eos_token_ids = {256};
  model.dtype = "bfloat16";
  return model;
}

HuggingFaceModel qwen2_like() {
  HuggingFaceModel model = llama3_like();
  model.architecture = Architecture::kQwen2;
  return model;
}

HuggingFaceModel qwen3_moe_like() {
  HuggingFaceModel model = qwen3_like();
  model.architecture = Architecture::kQwen3Moe;
  model.experts = {.num_experts = 8,
                   .num_experts_per_tok = 2,
                   .moe_intermediate_size = 24,
                   .norm_topk_prob = true,
                   .decoder_sparse_step = 2,
                   .mlp_only_layers = {1}};
  return model;
}

HuggingFaceModel smollm3_like() {
  HuggingFaceModel model = llama3_like();
  model.architecture = Architecture::kSmolLM3;
  model.no_rope_interval = 2;
  return model;
}

// The configuration with one key set (or, with a null key path, as it is), as text.
std::string with(const HuggingFaceModel& model, const std::string& pointer, const Json& value) {
  Json config = Json::parse(to_config_json(model));
  config[Json::json_pointer(pointer)] = value;
  return config.dump();
}

std::string without(const HuggingFaceModel& model, const std::vector<std::string>& keys) {
  Json config = Json::parse(to_config_json(model));
  for (const std::string& key : keys) config.erase(key);
  return config.dump();
}

std::string error_of(const std::string& text) {
  try {
    from_config_json(text, "config.json");
    return "no error";
  } catch (const util::Error& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("config.json: "));
    return error.what();
  }
}

TEST(HuggingFace, ReadsWhatItWrites) {
  for (const HuggingFaceModel& model :
       {llama3_like(), qwen3_like(), qwen2_like(), smollm3_like(), qwen3_moe_like()}) {
    EXPECT_EQ(from_config_json(to_config_json(model), "config.json"), model);
  }
}

TEST(HuggingFace, WritesBothSpellings) {
  const Json config = Json::parse(to_config_json(llama3_like()));
  EXPECT_EQ(config["architectures"], Json::array({"LlamaForCausalLM"}));
  EXPECT_EQ(config["rope_theta"], 500'000.0);
  EXPECT_EQ(config["rope_scaling"]["rope_type"], "llama3");
  EXPECT_EQ(config["rope_parameters"]["rope_type"], "llama3");
  EXPECT_EQ(config["rope_parameters"]["rope_theta"], 500'000.0);
  EXPECT_EQ(config["rope_parameters"]["factor"], 8.0);
  EXPECT_EQ(config["eos_token_id"], Json::array({2, 5}));
  const Json plain = Json::parse(to_config_json(qwen3_like()));
  EXPECT_TRUE(plain["rope_scaling"].is_null());
  EXPECT_EQ(plain["rope_parameters"]["rope_type"], "default");
  EXPECT_EQ(plain["eos_token_id"], 256);
  EXPECT_TRUE(plain["bos_token_id"].is_null());
}

TEST(HuggingFace, ReadsEitherSpellingAlone) {
  const HuggingFaceModel model = llama3_like();
  EXPECT_EQ(from_config_json(without(model, {"rope_parameters"}), "v4"), model);
  EXPECT_EQ(from_config_json(without(model, {"rope_theta", "rope_scaling"}), "v5"), model);
  HuggingFaceModel plain = model;
  plain.rope_theta = 10'000;
  plain.rope_scaling.reset();
  // The default of every version of transformers for both architectures.
  EXPECT_EQ(
      from_config_json(without(model, {"rope_theta", "rope_scaling", "rope_parameters"}), "old"),
      plain);
}

TEST(HuggingFace, ReadsOldSpellings) {
  Json config = Json::parse(without(qwen3_like(), {"dtype"}));
  config["torch_dtype"] = "float16";
  EXPECT_EQ(from_config_json(config.dump(), "old").dtype, "float16");
  config = Json::parse(without(llama3_like(), {"rope_parameters"}));
  config["rope_scaling"]["type"] = "llama3";
  config["rope_scaling"].erase("rope_type");
  EXPECT_EQ(from_config_json(config.dump(), "old"), llama3_like());
}

TEST(HuggingFace, TakesTheDefaultsOfTheArchitecture) {
  const std::vector<std::string> optional = {"head_dim", "num_key_value_heads", "bos_token_id",
                                             "tie_word_embeddings"};
  const HuggingFaceModel llama = from_config_json(without(llama3_like(), optional), "llama");
  EXPECT_EQ(llama.head_dim, 16);
  EXPECT_EQ(llama.num_key_value_heads, 4);
  EXPECT_FALSE(llama.tie_word_embeddings);
  EXPECT_EQ(from_config_json(without(qwen3_like(), optional), "qwen3").head_dim, 128);
  const std::vector<std::string> more = {"tie_word_embeddings",    "no_rope_layers",
                                         "no_rope_layer_interval", "rope_theta",
                                         "rope_scaling",           "rope_parameters"};
  const HuggingFaceModel smollm3 = from_config_json(without(smollm3_like(), more), "smollm3");
  EXPECT_TRUE(smollm3.tie_word_embeddings);
  EXPECT_EQ(smollm3.no_rope_interval, 4);
  EXPECT_EQ(smollm3.rope_theta, 2'000'000);
}

TEST(HuggingFace, RefusesOfAFamilyWhatItCannotCompute) {
  EXPECT_THAT(error_of(with(smollm3_like(), "/no_rope_layers", {0, 1, 1})),
              names("no_rope_layers", "[1,0,1]", "[0,1,1]"));
  EXPECT_THAT(error_of(with(smollm3_like(), "/no_rope_layer_interval", 3)),
              names("no_rope_layers", "[1,1,0]"));
  EXPECT_THAT(error_of(with(qwen2_like(), "/use_sliding_window", true)),
              names("use_sliding_window", "only false"));
  EXPECT_THAT(error_of(with(qwen3_moe_like(), "/num_local_experts", 4)),
              names("num_experts", "num_local_experts"));
  EXPECT_THAT(error_of(with(qwen3_moe_like(), "/num_experts_per_tok", 9)),
              names("num_experts_per_tok", "<= 8", "9"));
  EXPECT_THAT(error_of(with(llama3_like(), "/no_rope_layers", {1, 1, 0})),
              names("no_rope_layers", "unknown key"));
}

TEST(HuggingFace, FindsTheArchitecture) {
  for (const Architecture value : {Architecture::kLlama, Architecture::kQwen2, Architecture::kQwen3,
                                   Architecture::kSmolLM3, Architecture::kQwen3Moe}) {
    EXPECT_EQ(find_architecture(traits_of(value).has), value);
  }
  EXPECT_THROW(find_architecture({.qk_norm = true, .qkv_bias = true}), util::Error);
}

struct Refusal {
  std::string pointer;
  Json value;
  std::vector<std::string> parts;  // what the message names
};

TEST(HuggingFace, RefusesByNameWhatItCannotCompute) {
  const std::vector<Refusal> refusals = {
      {"/model_type",
       "mixtral",
       {"model_type", "llama", "qwen2", "qwen3", "smollm3", "qwen3_moe", "mixtral"}},
      {"/model_type", 3, {"model_type", "text"}},
      {"/architectures", {"LlamaForSequenceClassification"}, {"architectures", "only"}},
      {"/hidden_act", "gelu", {"hidden_act", "\"silu\"", "\"gelu\""}},
      {"/attention_bias", true, {"attention_bias", "only false"}},
      {"/mlp_bias", true, {"mlp_bias", "only false"}},
      {"/attention_dropout", 0.1, {"attention_dropout", "only 0"}},
      {"/pretraining_tp", 2, {"pretraining_tp", "only 1"}},
      {"/use_sliding_window", true, {"use_sliding_window", "only false"}},
      {"/layer_types", {"full_attention", "sliding_attention", "full_attention"}, {"layer_types"}},
      {"/layer_types", {"full_attention"}, {"layer_types"}},
      {"/rope_parameters/rope_type", "yarn", {"rope_type", "default", "llama3"}},
      {"/rope_scaling/rope_type", "linear", {"rope_scaling", "rope_type", "default", "llama3"}},
      {"/rope_parameters/beta_fast", 32, {"rope_parameters", "beta_fast", "unknown key"}},
      {"/rope_parameters/partial_rotary_factor", 0.5, {"partial_rotary_factor", "only 1"}},
      {"/rope_parameters/rope_theta", 10'000, {"rope_theta", "rope_parameters"}},
      {"/rope_parameters/factor", 16, {"rope_scaling", "rope_parameters"}},
      {"/rope_scaling", 2, {"rope_scaling", "object"}},
      {"/rope_parameters/factor", nullptr, {"factor", "missing"}},
      {"/rope_parameters/low_freq_factor", 4, {"low_freq_factor", "below"}},
      {"/quantization_config", {{"bits", 4}}, {"quantization_config", "unknown key"}},
      {"/num_experts", 8, {"num_experts", "unknown key"}},
      {"/vocab_size", nullptr, {"vocab_size", "missing"}},
      {"/vocab_size", 0, {"vocab_size", "whole number", "1", "2^31 - 1"}},
      {"/vocab_size", -5, {"vocab_size", "whole number", "1", "2^31 - 1"}},
      {"/vocab_size", 320.5, {"vocab_size", "whole number", "1", "2^31 - 1"}},
      {"/vocab_size", 1ULL << 40, {"vocab_size", "whole number", "1", "2^31 - 1"}},
      {"/hidden_size", "64", {"hidden_size", "whole number", "1", "2^31 - 1"}},
      {"/num_key_value_heads", 3, {"num_key_value_heads", "4", "3"}},
      {"/head_dim", 15, {"head_dim", "even"}},
      {"/rms_norm_eps", nullptr, {"rms_norm_eps", "missing"}},
      {"/rms_norm_eps", 0, {"rms_norm_eps", "> 0"}},
      {"/tie_word_embeddings", 1, {"tie_word_embeddings", "true or false"}},
      {"/eos_token_id", "</s>", {"eos_token_id", "token ids"}},
      {"/bos_token_id", 1.5, {"bos_token_id", "token id"}},
  };
  for (const Refusal& refusal : refusals) {
    EXPECT_THAT(error_of(with(llama3_like(), refusal.pointer, refusal.value)), names(refusal.parts))
        << refusal.pointer;
  }
  EXPECT_THAT(error_of("{\"vocab_size\": 1, \"vocab_size\": 2}"), names("twice"));
  EXPECT_THAT(error_of("[]"), names("JSON object"));
  EXPECT_THAT(error_of("{"), names("valid JSON"));
}

TEST(HuggingFace, IgnoresWhatChangesNothing) {
  EXPECT_EQ(error_of(with(qwen3_like(), "/transformers_version", "4.57.6")), "no error");
  EXPECT_EQ(error_of(with(qwen3_like(), "/sliding_window", 4096)), "no error");
  EXPECT_EQ(error_of(with(qwen3_like(), "/use_cache", false)), "no error");
}

TEST(HuggingFace, ReadsWhatTransformersWrote) {
  if (!test::has_shared("golden/checkpoints")) {
    GTEST_SKIP() << test::missing_shared("golden/checkpoints");
  }
  for (const std::string name : {"llama", "llama-bf16", "llama-gqa-tied-rope3", "qwen3", "smollm3",
                                 "qwen3-moe-norm", "qwen3-moe-nonorm"}) {
    SCOPED_TRACE(name);
    const auto folder = test::shared_path("golden/checkpoints/" + name);
    const std::string version5 = util::read_file(folder / "config.json");
    const HuggingFaceModel model = from_config_json(version5, "config.json");
    EXPECT_EQ(from_config_json(util::read_file(folder / "config_v4.json"), "config_v4.json"),
              model);
    // Nothing that changes a number is lost on the way out.
    auto original = nlohmann::json::parse(version5);  // which compares keys in any order
    const auto written = nlohmann::json::parse(to_config_json(model));
    for (const char* key : {"transformers_version", "use_cache", "pretraining_tp", "layer_types",
                            "max_window_layers", "router_aux_loss_coef", "output_router_logits"}) {
      original.erase(key);
    }
    for (const auto& [key, value] : original.items()) EXPECT_EQ(written[key], value) << key;
  }
  const auto rope3 = test::shared_path("golden/checkpoints/llama-gqa-tied-rope3/config.json");
  const HuggingFaceModel model = from_config_json(util::read_file(rope3), "config.json");
  EXPECT_EQ(model.rope_scaling, llama3_like().rope_scaling);
  EXPECT_EQ(model.rope_theta, 10'000);
  EXPECT_EQ(model.eos_token_ids, std::vector<std::int64_t>{2});
}

TEST(HuggingFace, GenerationConfigHoldsTheSpecialTokens) {
  const Json config = Json::parse(to_generation_config_json(llama3_like()));
  EXPECT_EQ(config["bos_token_id"], 1);
  EXPECT_EQ(config["eos_token_id"], Json::array({2, 5}));
}

}  // namespace
}  // namespace superpose::checkpoint
