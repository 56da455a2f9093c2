// Vectorised forms of bag_embedding.h for f32 and bf16 on CPU. Shapes are checked by the caller,
// values here.
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops::cpu {

at::Tensor bag_embedding_forward(const at::Tensor& weight, const at::Tensor& ids);  // [B, L, D]

// Adds the gradient of the weight into grad_weight [V, D] f32, contiguous. grad [B, L, D] is f32 or
// bf16.
void bag_embedding_add_gradient(const at::Tensor& grad, const at::Tensor& ids,
                                const at::Tensor& grad_weight);

}  // namespace superpose::ops::cpu
