// A bias whose gradient goes straight into an f32 buffer.
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops {

// y = x + bias, and backward adds the bias's gradient, the sum over the rows, into a buffer in
// place.
//
//   x          [N, F]  f32, bf16 or f64; N may be 0
//   bias       [F]     f32 (f64 for f64)
//   grad_bias  [F]     as bias, contiguous; undefined: not wanted
//   returns    [N, F]  dtype of x; added in f32 (f64), then rounded
//
// Keeps nothing for backward. Backward returns the gradient of x; `bias` itself gets none, and may
// not be differentiated again. Throws ValueError on a wrong shape or dtype.
at::Tensor add_bias_accumulate(const at::Tensor& x, const at::Tensor& bias,
                               const at::Tensor& grad_bias);

}  // namespace superpose::ops
