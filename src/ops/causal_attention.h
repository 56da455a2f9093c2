// Causal attention with grouped heads, over packed documents or whole rows.
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops {

// Legend: B batch, L positions, H query heads, K key/value heads, h head dim.

// softmax(q k^T / sqrt(h) + mask) v, where query head i reads key/value head i / (H / K) and
// position i attends to positions j with start[i] <= j <= i.
//
//   q                [B, L, H, h]  f32, bf16 or f64; B and L may be 0
//   k, v             [B, L, K, h]  dtype of q, K divides H
//   document_starts  [B, L] int64, or undefined: 0 everywhere. Of each position, the first one of
//                    its document: packed documents do not see each other. Not decreasing within
//                    a row, and 0 <= start[i] <= i
//   returns          [B, L, H * h] dtype of q; scores, exponentials and sums in f32 (f64)
//
// On a CPU, f32 and bf16 go through own kernels: scores live in tiles, tiles above the diagonal are
// skipped, and the same bits come out for any number of threads. Elsewhere, and for f64, it is
// libtorch's scaled_dot_product_attention; but with document_starts, and on the meta device, where
// libtorch has no shape rules for it, the composed form, which holds [B, H, L, L].
//
// Keeps q, k, v, the result and [B, H, L] f32 (f64) for backward. The own and the composed form may
// not be differentiated again. Throws ValueError on a wrong shape, dtype or start.
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& document_starts = {});

}  // namespace superpose::ops
