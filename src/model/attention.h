// Causal attention over the positions of a row.
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::model {

// softmax(q k^T / sqrt(h) + causal mask) v, query head i reading key/value head i / (H / K).
//
//   q        [B, L, H, h]
//   k, v     [B, L, K, h], K divides H
//   returns  [B, L, H * h], dtype of q
//
// libtorch's scaled_dot_product_attention, which takes its flash kernel on CPU. libtorch's C++ part
// has no shape rules for that one: on the meta device the same is composed.
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

}  // namespace superpose::model
