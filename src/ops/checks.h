// Checks that several operators share. `who` is the operator's name; messages read "who: rule, got
// value". Sizes are compared as symbolic integers, so that the operators can be traced with unknown
// shapes.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <optional>
#include <string_view>

namespace superpose::ops {

inline void check_floating(std::string_view who, std::string_view name, const at::Tensor& tensor) {
  const at::ScalarType type = tensor.scalar_type();
  TORCH_CHECK_VALUE(type == at::kFloat || type == at::kBFloat16 || type == at::kDouble, who,
                    ": expected ", name, " of type float32, bfloat16 or float64, got ", type);
}

inline void check_int64(std::string_view who, std::string_view name, const at::Tensor& tensor) {
  TORCH_CHECK_VALUE(tensor.scalar_type() == at::kLong, who, ": expected ", name,
                    " of type int64, got ", tensor.scalar_type());
}

inline void check_device(std::string_view who, std::string_view name, const at::Tensor& tensor,
                         const at::Tensor& like) {
  TORCH_CHECK_VALUE(tensor.device() == like.device(), who, ": expected ", name, " on ",
                    like.device(), ", got ", tensor.device());
}

// What is added to a mean of squares before its root: a finite number >= 0.
void check_eps(std::string_view who, double eps);

// The type that values of `type` are summed in, and that gradient buffers have.
inline at::ScalarType accumulate_type(at::ScalarType type) {
  return type == at::kDouble ? at::kDouble : at::kFloat;
}

// A buffer that a weight's gradient is added into; an undefined one is fine and means none.
void check_grad_weight(std::string_view who, const at::Tensor& grad_weight,
                       const at::Tensor& weight);

// The arguments of an operator of head and loss: hidden [N, D], weight [V, D] of its type, targets
// [N, s] int64, all on one device.
void check_head(std::string_view who, const at::Tensor& hidden, const at::Tensor& weight,
                const at::Tensor& targets);

// For the backward of operators that cannot be differentiated twice: throws where autograd records
// the backward pass.
void check_first_derivative(std::string_view who);

// The tensor as a Function takes it, which refuses undefined ones.
inline std::optional<at::Tensor> if_defined(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional<at::Tensor>(tensor) : std::nullopt;
}

// An empty leaf that requires a gradient, and never gets one, where the weight's gradient is wanted
// (a defined buffer, grad mode on): a Function that takes it is recorded even if no other input
// requires a gradient.
at::Tensor make_anchor(const at::Tensor& weight, const at::Tensor& grad_weight);

}  // namespace superpose::ops
