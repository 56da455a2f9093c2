// Keys and values of the positions that a decoder has seen, so that a text is continued without
// computing them once more.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/model_config.h"
#include "ops/cached_attention.h"

namespace superpose::model {

// Room for one sequence in each of `num_slots` slots. Sequences have lengths of their own; one may
// begin in a slot where another ended. Memory is taken once, 2 * num_layers * num_slots * capacity
// * num_kv_heads * head_dim elements, and written to in place.
class KeyValueCache {
 public:
  // `options`: type and device of the decoder's activations. Throws c10::ValueError where
  // num_slots < 1, or capacity is not in [1, max_positions].
  KeyValueCache(const ModelConfig& resolved, std::int64_t num_slots, std::int64_t capacity,
                const at::TensorOptions& options);

  std::int64_t num_slots() const { return static_cast<std::int64_t>(lengths_.size()); }
  std::int64_t capacity() const { return capacity_; }  // positions of a slot
  std::int64_t length(std::int64_t slot) const {
    return lengths_.at(static_cast<std::size_t>(slot));
  }
  // Keeps the first `length` positions of a slot: 0 before another sequence begins there. Throws
  // c10::ValueError where it has fewer.
  void truncate(std::int64_t slot, std::int64_t length);

 private:
  friend class Decoder;

  std::int64_t capacity_;
  std::vector<ops::KeyValueSlots> layers_;
  std::vector<std::int64_t> lengths_;
};

}  // namespace superpose::model
