#include "model/key_value_cache.h"

#include <ATen/ops/empty.h>

namespace superpose::model {

KeyValueCache::KeyValueCache(const ModelConfig& resolved, std::int64_t num_slots,
                             std::int64_t capacity, const at::TensorOptions& options)
    : capacity_(capacity) {
  TORCH_CHECK_VALUE(num_slots >= 1, "KeyValueCache: num_slots must be >= 1, got ", num_slots);
  TORCH_CHECK_VALUE(capacity >= 1 && capacity <= resolved.max_positions,
                    "KeyValueCache: capacity must be in [1, model.max_positions = ",
                    resolved.max_positions, "], got ", capacity);
  lengths_.resize(static_cast<std::size_t>(num_slots));
  for (std::int64_t i = 0; i < resolved.num_layers; ++i) {
    const auto make = [&] {
      return at::empty({num_slots, resolved.num_kv_heads, capacity, resolved.head_dim}, options);
    };
    layers_.push_back({make(), make()});
  }
}

void KeyValueCache::truncate(std::int64_t slot, std::int64_t length) {
  std::int64_t& has = lengths_.at(static_cast<std::size_t>(slot));
  TORCH_CHECK_VALUE(length >= 0 && length <= has, "KeyValueCache: length must be in [0, ", has,
                    "], got ", length);
  has = length;
}

}  // namespace superpose::model
