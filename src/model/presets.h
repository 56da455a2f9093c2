// Named shapes.
#pragma once

#include <span>
#include <string_view>

#include "model/model_config.h"

namespace superpose::model {

struct Preset {
  std::string_view name;
  // Zeros are left to the recipe and the defaults.
  std::int64_t vocab_size, hidden_size, num_layers, num_heads, num_kv_heads, ffn_size;
  bool tied;
  double rope_theta;
  std::int64_t max_positions = 0;
  double norm_eps = 0;
  std::int64_t head_dim = 0;
  bool has_qk_norm = false;
  std::int64_t no_rope_interval = 0;
  // Of a mixture of experts in every layer, with shares that add up to 1.
  std::int64_t num_experts = 0, experts_per_token = 0, expert_ffn_size = 0;
};

std::span<const Preset> presets();

}  // namespace superpose::model
