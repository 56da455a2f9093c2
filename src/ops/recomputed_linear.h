// Linear layers that keep for backward what their input was made of, and recompute the input: one
// element-wise pass more, and an activation less that waits from forward to backward. Values and
// gradients are bit for bit those of the two operators one after the other.
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

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

// An RMS norm as add_rms_norm_accumulate takes it: weight [D], its gradient's buffer.
struct RmsNorm {
  at::Tensor weight;
  double eps = 0;
  at::Tensor grad_weight;
};

// {sum, linear_accumulate(normed, weight, grad_weight)}, where {sum, normed} is what
// add_rms_norm_accumulate(x, delta, norm) returns.
//
//   x            [N, D]    f32, bf16 or f64; N may be 0
//   delta        [N, D]    dtype of x; undefined: sum is x itself, not copied
//   weight       [out, D]  dtype of x
//   grad_weight  [out, D]  f32 (f64 for f64), contiguous; undefined: not wanted
//   returns      sum [N, D], product [N, out], dtype of x
//
// Keeps the sum and N inverse norms. What runs as norm is named "norm" to observers, in backward
// too. Backward may not be differentiated again. Throws ValueError on a wrong shape or dtype.
std::tuple<at::Tensor, at::Tensor> add_rms_norm_linear_accumulate(const at::Tensor& x,
                                                                  const at::Tensor& delta,
                                                                  const RmsNorm& norm,
                                                                  const at::Tensor& weight,
                                                                  const at::Tensor& grad_weight);

}  // namespace superpose::ops
