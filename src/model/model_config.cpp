#include "model/model_config.h"

#include <algorithm>
#include <cmath>

#include "model/presets.h"
#include "util/error.h"
#include "util/f32.h"

namespace superpose::model {
namespace {

constexpr double kDefaultRopeTheta = 10'000;
constexpr double kDefaultNormEps = 1e-5;
constexpr double kDefaultInitStd = 0.02;
constexpr std::int64_t kDefaultMaxPositions = 2'048;

template <class Number>
void fill(Number& value, Number from) {
  if (value == Number{0}) value = from;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void apply(const Preset& preset, std::int64_t corpus_vocab_size, ModelConfig& config) {
  // A corpus may have more ids than the shape was named for.
  fill(config.vocab_size, std::max(preset.vocab_size, corpus_vocab_size));
  fill(config.hidden_size, preset.hidden_size);
  fill(config.num_layers, preset.num_layers);
  // A recipe that changes the heads of a preset without saying anything of key/value heads wants as
  // many of them.
  if (config.num_heads == 0) {
    fill(config.num_kv_heads, preset.num_kv_heads);
    fill(config.head_dim, preset.head_dim);
  }
  fill(config.num_heads, preset.num_heads);
  fill(config.ffn_size, preset.ffn_size);
  fill(config.rope_theta, preset.rope_theta);
  fill(config.max_positions, preset.max_positions);
  fill(config.norm_eps, preset.norm_eps);
  fill(config.no_rope_interval, preset.no_rope_interval);
  if (config.tie_embeddings == Toggle::kPreset && preset.tied) config.tie_embeddings = Toggle::kOn;
  if (config.qk_norm == Toggle::kPreset && preset.has_qk_norm) config.qk_norm = Toggle::kOn;
  if (config.moe.num_experts == 0 && preset.num_experts > 0) {
    config.moe.num_experts = preset.num_experts;
    config.moe.experts_per_token = preset.experts_per_token;
    config.moe.ffn_size = preset.expert_ffn_size;
  }
}

void require_positive(std::int64_t value, const char* key) {
  util::require(value > 0, "model.", key, ": must be > 0 (or model.preset one of ",
                joined(preset_names()), "), got ", value);
}

void check_shape(const ModelConfig& config, std::int64_t corpus_vocab_size) {
  require_positive(config.vocab_size, "vocab_size");
  require_positive(config.hidden_size, "hidden_size");
  require_positive(config.num_layers, "num_layers");
  require_positive(config.num_heads, "num_heads");
  require_positive(config.ffn_size, "ffn_size");
  util::require(config.head_dim > 0,
                "model.head_dim: must be given where num_heads does not divide hidden_size, got ",
                config.num_heads, " heads and ", config.hidden_size);
  util::require(config.head_dim % 2 == 0, "model.head_dim: must be even (rotary pairs), got ",
                config.head_dim);
  util::require(config.num_heads % config.num_kv_heads == 0,
                "model.num_kv_heads: must divide num_heads = ", config.num_heads, ", got ",
                config.num_kv_heads);
  const MoeConfig& moe = config.moe;
  if (moe.num_experts > 0) {
    util::require(moe.ffn_size > 0, "model.moe.ffn_size: must be > 0 with experts, got ",
                  moe.ffn_size);
    util::require(moe.experts_per_token <= moe.num_experts,
                  "model.moe.experts_per_token: must be <= num_experts = ", moe.num_experts,
                  ", got ", moe.experts_per_token);
    for (const std::int64_t layer : moe.dense_layers) {
      util::require(layer >= 0 && layer < config.num_layers,
                    "model.moe.dense_layers: must name layers in 0..", config.num_layers - 1,
                    ", got ", layer);
    }
    bool any = false;
    for (std::int64_t layer = 0; layer < config.num_layers; ++layer) any |= moe.is_in_layer(layer);
    util::require(any, "model.moe: every = ", moe.every, " and dense_layers leave none of the ",
                  config.num_layers, " layers with experts");
    util::require(
        config.has_qk_norm(),
        "model.moe: needs qk_norm on: Hugging Face's architecture of experts is Qwen3-MoE");
  }
  // A checkpoint is a folder that Hugging Face's classes open, and none of them has two of these.
  const int kinds =
      int{config.has_qk_norm()} + int{config.has_qkv_bias()} + int{config.no_rope_interval > 0};
  util::require(kinds <= 1,
                "model: only one of qk_norm (Qwen3), qkv_bias (Qwen2) and no_rope_interval "
                "(SmolLM3) may be on: no Hugging Face architecture has two of them");
  check_vocabulary(config.vocab_size, corpus_vocab_size);
}

}  // namespace

void RopeScaling::validate() const {
  util::require(factor >= 1 && std::isfinite(factor),
                "model.rope_scaling.factor: must be >= 1 and finite, got ", factor);
  util::require(low_freq_factor > 0, "model.rope_scaling.low_freq_factor: must be > 0, got ",
                low_freq_factor);
  util::require(high_freq_factor > low_freq_factor && std::isfinite(high_freq_factor),
                "model.rope_scaling.high_freq_factor: must be finite and > low_freq_factor = ",
                low_freq_factor, ", got ", high_freq_factor);
  util::require(original_max_positions > 0,
                "model.rope_scaling.original_max_positions: must be > 0, got ",
                original_max_positions);
}

bool MoeConfig::is_in_layer(std::int64_t index) const {
  return num_experts > 0 && (index + 1) % every == 0 &&
         std::find(dense_layers.begin(), dense_layers.end(), index) == dense_layers.end();
}

void MoeConfig::validate() const {
  util::require(num_experts >= 0, "model.moe.num_experts: must be >= 0, got ", num_experts);
  util::require(experts_per_token >= 1, "model.moe.experts_per_token: must be >= 1, got ",
                experts_per_token);
  util::require(ffn_size >= 0, "model.moe.ffn_size: must be >= 0, got ", ffn_size);
  util::require(every >= 1, "model.moe.every: must be >= 1, got ", every);
}

void ModelConfig::validate() const {
  const auto not_negative = [](std::int64_t value, const char* key) {
    util::require(value >= 0, "model.", key, ": must be >= 0, got ", value);
  };
  not_negative(vocab_size, "vocab_size");
  not_negative(hidden_size, "hidden_size");
  not_negative(num_layers, "num_layers");
  not_negative(num_heads, "num_heads");
  not_negative(num_kv_heads, "num_kv_heads");
  not_negative(head_dim, "head_dim");
  not_negative(ffn_size, "ffn_size");
  not_negative(max_positions, "max_positions");
  not_negative(no_rope_interval, "no_rope_interval");
  util::require(rope_theta == 0 || (rope_theta > 1 && std::isfinite(rope_theta)),
                "model.rope_theta: must be > 1, got ", rope_theta);
  util::require(norm_eps == 0 || (util::is_normal_f32(norm_eps) && norm_eps < 1),
                "model.norm_eps: must lie in (0, 1) and be a normal number in f32, got ", norm_eps);
  util::require(!init_std || util::is_normal_f32(*init_std),
                "model.init_std: must be > 0 and a normal number in f32, got ",
                init_std.value_or(0));
  const std::vector<std::string> names = preset_names();
  util::require(preset.empty() || std::find(names.begin(), names.end(), preset) != names.end(),
                "model.preset: must be one of ", joined(names), ", got ", preset);
}

void check_vocabulary(std::int64_t vocab_size, std::int64_t corpus_vocab_size) {
  util::require(vocab_size >= corpus_vocab_size,
                "model.vocab_size: must be >= the corpus's vocabulary of ", corpus_vocab_size,
                ", got ", vocab_size);
}

ModelConfig resolve(const ModelConfig& config, std::int64_t corpus_vocab_size) {
  config.validate();
  config.rope_scaling.validate();
  config.moe.validate();
  ModelConfig resolved = config;
  for (const Preset& preset : presets()) {
    if (preset.name == config.preset) apply(preset, corpus_vocab_size, resolved);
  }
  fill(resolved.vocab_size, corpus_vocab_size);
  fill(resolved.num_kv_heads, resolved.num_heads);
  if (resolved.num_heads > 0 && resolved.hidden_size % resolved.num_heads == 0) {
    fill(resolved.head_dim, resolved.hidden_size / resolved.num_heads);
  }
  fill(resolved.rope_theta, kDefaultRopeTheta);
  fill(resolved.norm_eps, kDefaultNormEps);
  fill(resolved.max_positions, kDefaultMaxPositions);
  if (!resolved.init_std) resolved.init_std = kDefaultInitStd;
  if (resolved.tie_embeddings == Toggle::kPreset) resolved.tie_embeddings = Toggle::kOff;
  if (resolved.qk_norm == Toggle::kPreset) resolved.qk_norm = Toggle::kOff;
  if (resolved.qkv_bias == Toggle::kPreset) resolved.qkv_bias = Toggle::kOff;
  check_shape(resolved, corpus_vocab_size);
  return resolved;
}

}  // namespace superpose::model
