// Causal self-attention on the residual stream, with grouped queries and rotary positions.
//
//   x += o(attention(rotate(q), rotate(k), v))   with q, k, v of norm(x)
//
// Where the configuration says so: biases of q, k and v (Qwen2), a norm of queries and keys before
// the rotation (Qwen3), layers that do not rotate (SmolLM3).
//
// H query heads, K key/value heads, h head_dim. Attention is causal over positions 0..L-1,
// whatever the bag size; scale h^-0.5.
#pragma once

#include "model/block.h"

namespace superpose::model {

extern const BlockKind kAttention;

}  // namespace superpose::model
