// Operators without their autograd, as a Function that joins several of them calls them: arguments
// are checked already, and the caller's graph records nothing.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>

namespace superpose::ops {

// silu(gate) * up of gate_up [N, 2 F], and the gradient of gate_up for the gradient [N, F].
at::Tensor swiglu_forward(const at::Tensor& gate_up);
at::Tensor swiglu_backward(const at::Tensor& grad, const at::Tensor& gate_up);

// {sum, normed, rstd [N]} as in add_rms_norm_accumulate; sum is [0] without delta. rms_norm_again
// recomputes normed from the sum (x without delta) and rstd, bit for bit.
std::tuple<at::Tensor, at::Tensor, at::Tensor> add_rms_norm_forward(
    const at::Tensor& x, const std::optional<at::Tensor>& delta, const at::Tensor& weight,
    double eps);
at::Tensor rms_norm_again(const at::Tensor& sum, const at::Tensor& weight, const at::Tensor& rstd);

// The gradient of the sum, to which that of its other uses is added; adds to grad_weight in place.
at::Tensor add_rms_norm_backward(const at::Tensor& grad_normed,
                                 const std::optional<at::Tensor>& grad_sum, const at::Tensor& sum,
                                 const at::Tensor& weight, const at::Tensor& rstd,
                                 const std::optional<at::Tensor>& grad_weight);

// Throws ValueError, in the name of `who`, for what add_rms_norm_accumulate refuses.
void check_rms_norm(std::string_view who, const at::Tensor& x, const at::Tensor& delta,
                    const at::Tensor& weight, const at::Tensor& grad_weight);

// Throws ValueError, in the name of `who`, where weight [out, width] and grad_weight do not fit
// linear_accumulate of an x [N, width] like `x` in dtype and device.
void check_linear(std::string_view who, const at::Tensor& x, std::int64_t width,
                  const at::Tensor& weight, const at::Tensor& grad_weight);

// grad_weight += grad^T x, under the name by which observers know weight gradients.
void add_weight_gradient(const at::Tensor& grad, const at::Tensor& x,
                         const at::Tensor& grad_weight);

}  // namespace superpose::ops
