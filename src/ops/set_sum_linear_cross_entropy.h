// Projection and set-sum loss in one: how much probability falls on a position's bag of targets.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace superpose::ops {

// Legend: N rows (positions), D width, V vocabulary rows, s targets per row.

struct SetSumOptions {
  double z_loss = 0;                 // weight of the z-loss, >= 0
  std::int64_t num_valid_rows = -1;  // rows of `weight` from here on are padding; -1: none
  std::int64_t ignore_index = -100;  // targets of this value do not count; must be negative
};

// With z_j = hidden_j . weight^T over the valid vocabulary rows, lse_j = logsumexp(z_j), and S_j
// the set of the valid targets of row j, each once however often the bag holds it,
//
//   loss = coefficient * sum_j [lse_j + z_loss * lse_j^2 - logsumexp over y in S_j of z_j[y]]
//
// over the rows j with a valid target. Without z-loss a row costs -log of the probability that the
// softmax gives to the whole of S_j; where S_j holds one token, this is its cross-entropy. So a row
// is free to spread that probability as it likes, and the order of targets does not matter.
//
//   hidden       [N, D]  f32, bf16 or f64; N may be 0
//   weight       [V, D]  dtype of hidden; gets no gradient of its own
//   targets      [N, s]  int64, in [0, number of valid rows) or ignore_index; s >= 1
//   coefficient  [1]     f32 (f64 for f64): 1 / n for a mean over the n such rows of a step
//   grad_weight  [V, D]  f32 (f64), contiguous, which the weight's gradient is added to in forward;
//                        undefined: not wanted
//   returns      loss    scalar, f32 (f64): this call's part of the step's; parts add up
//
// For the trainer alone, as multi_hot_linear_cross_entropy_accumulate: forward makes both gradients
// when grad mode is on, three products in all, and the gradient that backward receives must be
// exactly 1 (else an error on CPU, an asynchronous assert elsewhere). Logits exist for some rows at
// a time. Everything is computed in f32 (f64), bf16 being widened. Composed of ATen calls on every
// device; there is no kernel for CPUs, and the order of summation, so the last bits, may depend on
// the number of threads. A second derivative is an error.
//
// Throws ValueError on a wrong shape, dtype or option, and on CPU on a target out of range or a
// coefficient that is negative or not finite (other devices: asynchronous assert; meta: no checks).
//
// Source: arXiv 2605.06546, app. C.2, an alternative that it does not use.
at::Tensor set_sum_linear_cross_entropy_accumulate(const at::Tensor& hidden,
                                                   const at::Tensor& weight,
                                                   const at::Tensor& targets,
                                                   const at::Tensor& coefficient,
                                                   const at::Tensor& grad_weight,
                                                   const SetSumOptions& options = {});

// Bytes that a call holds on a CPU in addition to arguments and results: two blocks of logits, and
// the weight in f32 where it is bf16.
std::int64_t set_sum_scratch_bytes(std::int64_t rows, std::int64_t vocabulary, std::int64_t width,
                                   bool bf16);

}  // namespace superpose::ops
