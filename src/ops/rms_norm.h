// Residual sum and RMS norm in one pass.
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace superpose::ops {

// Residual sum and its root-mean-square norm (Zhang & Sennrich 2019, eq. 4), in one pass:
//
//   sum    = x + delta
//   normed = sum / sqrt(mean(sum^2) + eps) * weight
//
//   x            [N, D]  f32, bf16 or f64; N may be 0
//   delta        [N, D]  dtype of x; undefined: sum is x itself, not copied
//   weight       [D]     f32 (f64 where x is f64)
//   grad_weight  [D]     dtype of weight; undefined: no weight gradient is wanted
//   returns      sum, normed [N, D], dtype of x; mean and norm are taken in f32 (f64) of the
//                rounded sum
//
// Where grad mode is on and x or delta requires a gradient, backward adds the weight's gradient
// into grad_weight in place; `weight` itself gets none. On CPU its bits do not depend on the number
// of threads. Backward may not be differentiated again. Throws ValueError on a wrong shape or
// dtype.
std::tuple<at::Tensor, at::Tensor> add_rms_norm_accumulate(const at::Tensor& x,
                                                           const at::Tensor& delta,
                                                           const at::Tensor& weight, double eps,
                                                           const at::Tensor& grad_weight);

}  // namespace superpose::ops
