#pragma once

#include <ATen/core/Tensor.h>

// bag_embedding.h composed of ATen calls, for any device and dtype. Shapes are checked by the
// caller, values here.
namespace superpose::ops {

at::Tensor bag_embedding_fallback_forward(const at::Tensor& weight,
                                          const at::Tensor& ids);  // [B, L, D]

// Adds the gradient of the weight into grad_weight [V, D], f32 (f64 where grad is f64). grad [B, L,
// D].
void bag_embedding_fallback_add_gradient(const at::Tensor& grad, const at::Tensor& ids,
                                         const at::Tensor& grad_weight);

}  // namespace superpose::ops
