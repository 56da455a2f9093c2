#include "checkpoint/model_shape.h"

namespace superpose::checkpoint {

HuggingFaceModel to_hugging_face(const model::ModelConfig& model) {
  HuggingFaceModel result;
  result.architecture = find_architecture({.qk_norm = model.has_qk_norm(),
                                           .qkv_bias = model.has_qkv_bias(),
                                           .skips_rotary = model.no_rope_interval > 0,
                                           .experts = model.moe.num_experts > 0});
  if (model.moe.num_experts > 0) {
    result.experts = {.num_experts = model.moe.num_experts,
                      .num_experts_per_tok = model.moe.experts_per_token,
                      .moe_intermediate_size = model.moe.ffn_size,
                      .norm_topk_prob = model.moe.normalize_shares,
                      .decoder_sparse_step = model.moe.every,
                      .mlp_only_layers = model.moe.dense_layers};
  }
  result.no_rope_interval = model.no_rope_interval;
  result.vocab_size = model.vocab_size;
  result.hidden_size = model.hidden_size;
  result.intermediate_size = model.ffn_size;
  result.num_hidden_layers = model.num_layers;
  result.num_attention_heads = model.num_heads;
  result.num_key_value_heads = model.num_kv_heads;
  result.head_dim = model.head_dim;
  result.max_position_embeddings = model.max_positions;
  result.rms_norm_eps = model.norm_eps;
  result.rope_theta = model.rope_theta;
  if (model.rope_scaling.kind == model::RopeScalingKind::kLlama3) {
    result.rope_scaling = Llama3RopeScaling{
        .factor = model.rope_scaling.factor,
        .low_freq_factor = model.rope_scaling.low_freq_factor,
        .high_freq_factor = model.rope_scaling.high_freq_factor,
        .original_max_position_embeddings = model.rope_scaling.original_max_positions};
  }
  result.initializer_range = model.init_std.value_or(result.initializer_range);
  result.tie_word_embeddings = model.tied();
  return result;
}

model::ModelConfig from_hugging_face(const HuggingFaceModel& read) {
  const auto toggle = [](bool value) { return value ? model::Toggle::kOn : model::Toggle::kOff; };
  const ArchitectureTraits& traits = traits_of(read.architecture);
  model::ModelConfig config;
  config.vocab_size = read.vocab_size;
  config.hidden_size = read.hidden_size;
  config.num_layers = read.num_hidden_layers;
  config.num_heads = read.num_attention_heads;
  config.num_kv_heads = read.num_key_value_heads;
  config.head_dim = read.head_dim;
  config.ffn_size = read.intermediate_size;
  config.tie_embeddings = toggle(read.tie_word_embeddings);
  config.qk_norm = toggle(traits.has.qk_norm);
  config.qkv_bias = toggle(traits.has.qkv_bias);
  config.no_rope_interval = read.no_rope_interval;
  config.rope_theta = read.rope_theta;
  config.norm_eps = read.rms_norm_eps;
  config.max_positions = read.max_position_embeddings;
  if (read.rope_scaling) {
    config.rope_scaling = {model::RopeScalingKind::kLlama3, read.rope_scaling->factor,
                           read.rope_scaling->low_freq_factor, read.rope_scaling->high_freq_factor,
                           read.rope_scaling->original_max_position_embeddings};
  }
  if (traits.has.experts) {
    config.moe = {.num_experts = read.experts.num_experts,
                  .experts_per_token = read.experts.num_experts_per_tok,
                  .ffn_size = read.experts.moe_intermediate_size,
                  .normalize_shares = read.experts.norm_topk_prob,
                  .every = read.experts.decoder_sparse_step,
                  .dense_layers = read.experts.mlp_only_layers};
  }
  return model::resolve(config, 0);
}

}  // namespace superpose::checkpoint
