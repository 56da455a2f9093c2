// The experts' feed-forward on a CPU: products, gathers and activations of an expert's rows in one
// pass through the caches.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <tuple>

#include "ops/routing.h"

namespace superpose::ops::cpu {

// Legend: N positions, D width, E experts, F an expert's inner width, k experts of a position, P
// pairs of a position and one of its experts, in the order of PackedPairs.

// The weights of all experts, contiguous.
struct ExpertMatrices {
  at::Tensor gate_up;  // [E, 2 F, D]
  at::Tensor down;     // [E, D, F]
};

// Whether the kernel takes x [N, D] with these weights: on a CPU, contiguous, and not row by row
// (row_by_row.h); f32, or bf16 with even D and F where the CPU's products take bf16.
bool has_expert_mlp(const at::Tensor& x, const ExpertMatrices& weights);

// {y [N, D] of the type of x, gate and up [P, 2 F] for backward}. shares [N, k] f32.
std::tuple<at::Tensor, at::Tensor> expert_mlp(const at::Tensor& x, const at::Tensor& shares,
                                              const PackedPairs& packed,
                                              const ExpertMatrices& weights);

// Buffers [E, 2 F, D] and [E, D, F] that the gradients of the weights are added into, f32 and
// contiguous; none where a gradient is not wanted.
struct ExpertBuffers {
  std::optional<at::Tensor> gate_up, down;
};

// {gradient of x, gradient of shares} for grad [N, D].
std::tuple<at::Tensor, at::Tensor> expert_mlp_backward(const at::Tensor& grad, const at::Tensor& x,
                                                       const at::Tensor& shares,
                                                       const PackedPairs& packed,
                                                       const at::Tensor& gate_up,
                                                       const ExpertMatrices& weights,
                                                       const ExpertBuffers& buffers);

}  // namespace superpose::ops::cpu
