// config.json and generation_config.json of a Hugging Face model folder: write and read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace superpose::checkpoint {

enum class Architecture { kLlama, kQwen2, kQwen3, kSmolLM3, kQwen3Moe };

// What an architecture computes beyond Llama's.
struct ArchitectureFeatures {
  bool qk_norm = false;       // RMS norm of queries and keys over each head
  bool qkv_bias = false;      // biases of queries, keys and values
  bool skips_rotary = false;  // every no_rope_interval-th layer has no rotary positions
  bool experts = false;       // mixtures of experts, in some layers at least

  bool operator==(const ArchitectureFeatures&) const = default;
};

// A family is a row of a table of these.
struct ArchitectureTraits {
  Architecture value;
  const char* class_name;
  const char* model_type;
  ArchitectureFeatures has = {};
  // Which keys its config.json has, and what transformers takes where they are absent.
  bool has_mlp_bias_key = false;
  bool has_window_keys = true;  // use_sliding_window and its like
  double rope_theta = 10'000;
  std::int64_t head_dim = 0;  // 0: hidden_size / num_attention_heads
  bool tied = false;
};

const ArchitectureTraits& traits_of(Architecture value);

// The one that has exactly these. Throws util::Error where there is none.
Architecture find_architecture(const ArchitectureFeatures& features);

// A mixture of experts, under transformers' names; without experts all is as here.
struct HuggingFaceExperts {
  std::int64_t num_experts = 0;
  std::int64_t num_experts_per_tok = 0;
  std::int64_t moe_intermediate_size = 0;
  bool norm_topk_prob = false;
  // Layer i has experts where this divides i + 1 and i is not in mlp_only_layers.
  std::int64_t decoder_sparse_step = 1;
  std::vector<std::int64_t> mlp_only_layers;

  bool operator==(const HuggingFaceExperts&) const = default;
};

// Llama 3's scaling of the rotary frequencies ("rope_type": "llama3").
struct Llama3RopeScaling {
  double factor = 8;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  std::int64_t original_max_position_embeddings = 8192;

  bool operator==(const Llama3RopeScaling&) const = default;
};

// What a Hugging Face config.json says about a decoder, under the names used there.
struct HuggingFaceModel {
  Architecture architecture = Architecture::kLlama;
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_hidden_layers = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t num_key_value_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10'000;
  std::optional<Llama3RopeScaling> rope_scaling;  // nothing: plain rotation
  std::int64_t no_rope_interval = 0;  // layer i does not rotate where this divides i + 1; 0: all do
  HuggingFaceExperts experts;
  double initializer_range = 0.02;
  bool tie_word_embeddings = false;
  std::string dtype = "float32";  // of the stored weights: float32, bfloat16, float16
  std::optional<std::int64_t> bos_token_id;
  std::vector<std::int64_t> eos_token_ids;
  std::optional<std::int64_t> pad_token_id;

  bool operator==(const HuggingFaceModel&) const = default;
};

// config.json, with the rotation in both spellings: rope_theta and rope_scaling (transformers 4)
// and rope_parameters (transformers 5).
std::string to_config_json(const HuggingFaceModel& model);

// generation_config.json: the special tokens.
std::string to_generation_config_json(const HuggingFaceModel& model);

// Reads either spelling of a LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM,
// Qwen3MoeForCausalLM or SmolLM3ForCausalLM. Throws util::Error that begins with `who` (the file's
// name) and names the key: for another architecture, a key that is not known, a value that this
// program cannot compute (other biases, another activation, a sliding window, a rope_type other
// than default and llama3 ...), two spellings that disagree, a missing size.
HuggingFaceModel from_config_json(const std::string& text, const std::string& who);

}  // namespace superpose::checkpoint
