// Causal attention of new positions over those that came before, whose keys and values are kept.
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops {

// Legend: B rows of the batch, L new positions of each, H query heads, K key/value heads, h head
// dim; S slots of the cache, one sequence in each, C positions that a slot has room for.

// Keys and values of the positions so far, written to in place.
struct KeyValueSlots {
  at::Tensor keys, values;  // [S, K, C, h], contiguous
};

// Row b continues the sequence in slot slots[b], which holds starts[b] positions: writes its k and
// v behind them, and returns softmax(q k^T / sqrt(h)) v over all positions up to each query's own.
// Query head i reads key/value head i / (H / K) from where it lies.
//
//   q        [B, L, H, h]  f32, bf16 or f64; B and L may be 0
//   k, v     [B, L, K, h]  dtype of q, K divides H
//   cache    dtype of q
//   slots    [B] int64     in [0, S), all different
//   starts   [B] int64     >= 0, and starts + L <= C
//   returns  [B, L, H * h] dtype of q; scores, exponentials and sums in f32 (f64)
//
// f32 on a CPU goes through an own kernel, in which a query's result has the same bits whatever
// else is in the batch, however a sequence is cut into calls, and for any number of threads. Other
// types and devices take the composed form. Has no derivative. Throws ValueError on a wrong shape,
// dtype, slot or start.
at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const KeyValueSlots& cache, const at::Tensor& slots,
                            const at::Tensor& starts);

}  // namespace superpose::ops
