#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

// Operators without their autograd, as a Function that joins several of them calls them: arguments
// are checked already, and the caller's graph records nothing.
namespace superpose::ops {

// silu(gate) * up of gate_up [N, 2 F], and the gradient of gate_up for the gradient [N, F].
at::Tensor swiglu_forward(const at::Tensor& gate_up);
at::Tensor swiglu_backward(const at::Tensor& grad, const at::Tensor& gate_up);

// Throws ValueError, in the name of `who`, where weight [out, width] and grad_weight do not fit
// linear_accumulate of an x [N, width] like `x` in dtype and device.
void check_linear(std::string_view who, const at::Tensor& x, std::int64_t width,
                  const at::Tensor& weight, const at::Tensor& grad_weight);

// grad_weight += grad^T x, under the name by which observers know weight gradients.
void add_weight_gradient(const at::Tensor& grad, const at::Tensor& x,
                         const at::Tensor& grad_weight);

}  // namespace superpose::ops
