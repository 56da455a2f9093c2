// bag_embedding.h composed of ATen calls, for any device and dtype. Shapes are checked by the
// caller, values here.
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops {

// [B, L, D]
at::Tensor bag_embedding_fallback_forward(const at::Tensor& weight, const at::Tensor& ids);

// Adds the gradient of the weight, for grad [B, L, D], into grad_weight [V, D]: f32 (f64 where grad
// is f64).
void bag_embedding_fallback_add_gradient(const at::Tensor& grad, const at::Tensor& ids,
                                         const at::Tensor& grad_weight);

}  // namespace superpose::ops
