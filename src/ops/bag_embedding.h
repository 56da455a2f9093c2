// The input side of token superposition: the mean of the embedding rows of a bag.
#pragma once

#include <ATen/core/Tensor.h>

// Installed, as superpose/ops/bag_embedding.h: includes nothing of ours, and what it declares is
// visible outside libsuperpose_ops.so.
namespace superpose::ops {

// Legend: V vocabulary rows, D width, B batch, L positions, s tokens per bag.

// Mean of the embedding rows of each bag of tokens: the input side of token superposition (arXiv
// 2605.06546, sec. 3).
//
//   weight   [V, D]     f32, bf16 or f64; D >= 1
//   ids      [B, L, s]  int64; -1 is padding and does not count; s >= 1; B or L may be 0
//   returns  [B, L, D]  dtype of weight
//
// Summed in f32 (f64 for f64), divided by the number of valid ids, then rounded to the dtype. At
// s = 1 without padding this is at::embedding exactly. Backward adds the rows of one token in the
// order of their positions, in f32 (f64), so it gives the same bits for any number of threads; on
// devices other than CPU that holds as far as index_add_ is deterministic there. It can be
// differentiated twice.
//
// Throws ValueError on a wrong shape or dtype, and on CPU on an id outside [-1, V) and on a bag
// without a valid id (other devices: asynchronous assert; meta: no value checks).
//
// Schema: superpose::bag_embedding(Tensor weight, Tensor ids) -> Tensor
[[gnu::visibility("default")]] at::Tensor bag_embedding(const at::Tensor& weight,
                                                        const at::Tensor& ids);

// The trainer's form: the same values, and backward adds the weight's gradient into `grad_weight`
// in place.
//
//   grad_weight  [V, D]  f32 (f64 where weight is f64), contiguous; undefined: not wanted
//
// Anchor: with grad_weight defined and grad mode on, the result requires a gradient whether or not
// `weight` does, through a leaf of its own that never receives one; `weight` itself gets no
// gradient. In no-grad mode nothing is recorded. Backward may not be differentiated again.
[[gnu::visibility("default")]] at::Tensor bag_embedding_accumulate(const at::Tensor& weight,
                                                                   const at::Tensor& ids,
                                                                   const at::Tensor& grad_weight);

}  // namespace superpose::ops
