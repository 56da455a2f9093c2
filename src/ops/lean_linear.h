// Linear layers that keep for backward what their input was made of, and make the input again: one
// element-wise pass more, and an activation less that waits from forward to backward. Values and
// gradients are bit for bit those of the two operators one after the other.
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops {

// linear_accumulate(swiglu(gate_up), weight, grad_weight).
//
//   gate_up      [N, 2 F]  f32, bf16 or f64; N may be 0
//   weight       [out, F]  dtype of gate_up
//   grad_weight  [out, F]  f32 (f64 for f64), contiguous; undefined: not wanted
//   returns      [N, out]  dtype of gate_up
//
// Keeps gate_up alone. What runs as SwiGLU is named "swiglu" to observers, in backward too.
// Backward may not be differentiated again. Throws ValueError on a wrong shape or dtype.
at::Tensor swiglu_linear_accumulate(const at::Tensor& gate_up, const at::Tensor& weight,
                                    const at::Tensor& grad_weight);

}  // namespace superpose::ops
