// What the public operators of the head and loss hand to their implementations.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>

namespace superpose::ops {

// One call of the head and loss, as its implementations see it: shapes checked, values not. Legend
// as in multi_hot_linear_cross_entropy.h.
struct MultiHotProblem {
  at::Tensor hidden;        // [N, D]
  at::Tensor weight;        // [valid rows of V, D]
  at::Tensor targets;       // [N, s]
  at::Tensor coefficients;  // [s], f32 or f64: what each slot's terms are multiplied with
  // [valid rows of V, D], f32 or f64, added to; undefined: not wanted. bf16: see multi_hot_kernel.h
  at::Tensor grad_weight;
  bool hidden_grad = false;
  double z_loss = 0;
  double logit_soft_cap = 0;
  std::int64_t ignore_index = -100;
};

struct MultiHotResult {
  at::Tensor loss;         // scalar
  at::Tensor grad_hidden;  // [N, D], dtype of hidden; [0] where not wanted
};

// Rows whose logits the CPU form holds at once. Fewer make the products slow (the weight and its
// gradient are read once per block), more push the logits out of the cache. A round number of them,
// so that the blocks of the products are even.
inline std::int64_t logit_block_rows(std::int64_t vocabulary) {
  constexpr std::int64_t kElements = std::int64_t{1} << 23;
  return std::clamp<std::int64_t>(kElements / vocabulary / 32 * 32, 128, 1024);
}

// Composed of ATen calls, for any device and dtype.
MultiHotResult multi_hot_fallback(const MultiHotProblem& problem);

}  // namespace superpose::ops
