// The feed-forward of a mixture of experts: each position through its own experts.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace superpose::ops {

// Legend: N positions, D width, E experts, F an expert's inner width, k experts of a position.

// All experts of a layer side by side, as the flat buffers have them. Gradients are f32 (f64 for
// f64) and contiguous; undefined: not wanted.
struct ExpertWeights {
  at::Tensor gate_up;  // [E, 2 F, D]
  at::Tensor down;     // [E, D, F]
  at::Tensor grad_gate_up, grad_down;
};

// y_n = sum over j of shares[n, j] * down_e(silu(gate_e(x_n)) * up_e(x_n)), e = experts[n, j].
//
//   x        [N, D]  f32, bf16 or f64; N may be 0
//   experts  [N, k]  int64 in [0, E); k experts of a position differ
//   shares   [N, k]  f32 (f64 for f64); gets a gradient
//   returns  [N, D]  dtype of x; a position's experts are added in f32 (f64), in the order of j
//
// Positions are packed by expert, contiguously: one product per expert and weight, none for an
// expert without a position. No position is dropped. Nothing is scattered: sums over a position's
// experts gather its rows in a fixed order, so that the bits do not depend on the number of
// threads. Keeps x, the shares, gate and up of each pair. Backward may not be differentiated again.
// Throws ValueError on a wrong shape or dtype.
//
// Source: Qwen3MoeSparseMoeBlock of transformers 5, which loops over experts.
at::Tensor expert_mlp_accumulate(const at::Tensor& x, const at::Tensor& experts,
                                 const at::Tensor& shares, const ExpertWeights& weights);

}  // namespace superpose::ops
