// The shape of a decoder whose config.json was read.
#pragma once

#include "checkpoint/hugging_face.h"
#include "model/model_config.h"

namespace superpose::test {

inline model::ModelConfig config_of(const checkpoint::HuggingFaceModel& read) {
  model::ModelConfig config;
  config.vocab_size = read.vocab_size;
  config.hidden_size = read.hidden_size;
  config.num_layers = read.num_hidden_layers;
  config.num_heads = read.num_attention_heads;
  config.num_kv_heads = read.num_key_value_heads;
  config.head_dim = read.head_dim;
  config.ffn_size = read.intermediate_size;
  config.tie_embeddings = read.tie_word_embeddings ? model::Toggle::kOn : model::Toggle::kOff;
  const checkpoint::ArchitectureTraits& traits = checkpoint::traits_of(read.architecture);
  config.qk_norm = traits.has_qk_norm ? model::Toggle::kOn : model::Toggle::kOff;
  config.qkv_bias = traits.has_qkv_bias ? model::Toggle::kOn : model::Toggle::kOff;
  config.no_rope_interval = read.no_rope_interval;
  config.rope_theta = read.rope_theta;
  config.norm_eps = read.rms_norm_eps;
  config.max_positions = read.max_position_embeddings;
  if (read.rope_scaling) {
    config.rope_scaling = {model::RopeScalingKind::kLlama3, read.rope_scaling->factor,
                           read.rope_scaling->low_freq_factor, read.rope_scaling->high_freq_factor,
                           read.rope_scaling->original_max_position_embeddings};
  }
  return model::resolve(config, 0);
}

}  // namespace superpose::test
