// The output side of token superposition: projection and multi-hot cross-entropy in one operator.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <tuple>

// Installed, as superpose/ops/multi_hot_linear_cross_entropy.h: includes nothing of ours, and what
// it declares is visible outside libsuperpose_ops.so.
namespace superpose::ops {

// Legend: N rows (positions), D width, V vocabulary rows, s targets per row.

struct MultiHotOptions {
  double z_loss = 0;                 // weight of the z-loss, >= 0
  double logit_soft_cap = 0;         // c > 0: logits become c * tanh(logits / c); 0: off
  std::int64_t num_valid_rows = -1;  // rows of `weight` from here on are padding; -1: none
  std::int64_t ignore_index = -100;  // targets of this value do not count; must be negative
};

// Output projection and multi-hot cross-entropy in one: the output side of token superposition
// (arXiv 2605.06546, sec. 3, App. A). With z_j = soft_cap(hidden_j . weight^T) over the valid
// vocabulary rows and lse_j = logsumexp(z_j),
//
//   loss = sum_i (w_i / n_i) * sum_j [lse_j + z_loss * lse_j^2 - z_j[targets_ji]]
//
// over the rows j with a valid target in slot i, where n_i counts the valid targets of slot i and w
// is slot_weights, renormalised to sum 1 over the slots with n_i > 0. A token twice in a row's bag
// counts twice. With z_loss = 0 and s = 1 this is the mean cross-entropy. If no slot has a valid
// target (N = 0 too), or those that have weigh 0, then the loss and its gradients are 0.
//
//   hidden        [N, D]  f32, bf16 or f64
//   weight        [V, D]  dtype of hidden
//   targets       [N, s]  int64, in [0, number of valid rows) or ignore_index; s >= 1
//   slot_weights  [s]     floating point, >= 0, same device; gets no gradient
//   returns       loss    scalar, f32 (f64 for f64 inputs);  counts [s] int64, the n_i
//
// Logits exist for one block of rows at a time; [N, V] is not stored, with one exception below. The
// softmax and the sums are in f32 (f64); on CPUs that multiply bf16 natively, logits and their
// gradients are rounded to bf16, and the weight's gradient once, after the sum. There, with up to
// N = 2 D rows, the sum of the weight's gradient in f32, [V, D], would take more memory than all
// logits in bf16: these are stored then, and the gradient is one product over them. Where hidden
// or weight requires a gradient, forward forms both gradients block by block (three matrix products
// in all) and backward scales them by the incoming gradient. A second derivative is an error.
//
// Throws ValueError on a wrong shape, dtype or option (z_loss and logit_soft_cap must be 0 or, with
// the cap's inverse, normal numbers of the type that logits are in), and on CPU on a target out of
// range, a negative or non-finite slot weight, or weights whose sum overflows (other devices:
// asynchronous assert; meta: no value checks).
//
// Schema: superpose::multi_hot_linear_cross_entropy(
//   Tensor hidden, Tensor weight, Tensor targets, Tensor slot_weights, *, float z_loss=0.,
//   float logit_soft_cap=0., SymInt num_valid_rows=-1, int ignore_index=-100)
//   -> (Tensor loss, Tensor counts)
[[gnu::visibility("default")]] std::tuple<at::Tensor, at::Tensor> multi_hot_linear_cross_entropy(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& targets,
    const at::Tensor& slot_weights, const MultiHotOptions& options = {});

// The trainer's form: the caller gives the coefficients w_i / n_i (over the whole step: all
// micro-batches and ranks), and the weight's gradient is added into `grad_weight` in place, during
// forward.
//
//   coefficients  [s]     f32 (f64 for f64), used as they are: no counting, no renormalising
//   grad_weight   [V, D]  f32 (f64 for f64), contiguous; undefined: not wanted
//   returns       loss    scalar, f32 (f64): this call's part of the step's; parts add up
//
// Forward adds to grad_weight once per call when grad mode is on, whether or not backward follows;
// so the gradient that backward receives must be exactly 1 (scale the coefficients instead):
// anything else throws on CPU, asserts asynchronously on other devices. In no-grad mode only the
// loss is computed. The result requires a gradient whenever grad_weight is defined (see
// bag_embedding_accumulate) or hidden requires one; `weight` itself gets none.
[[gnu::visibility("default")]] at::Tensor multi_hot_linear_cross_entropy_accumulate(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& targets,
    const at::Tensor& coefficients, const at::Tensor& grad_weight,
    const MultiHotOptions& options = {});

}  // namespace superpose::ops
