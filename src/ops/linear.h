// A linear layer whose weight gradient goes straight into an f32 buffer.
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops {

// y = x weight^T, and backward adds the weight's gradient into an f32 buffer in place.
//
//   x            [N, in]    f32, bf16 or f64; N may be 0
//   weight       [out, in]  dtype of x
//   grad_weight  [out, in]  f32 (f64 for f64), contiguous; undefined: not wanted
//   returns      [N, out]   dtype of x
//
// bf16 products are summed in f32, and the weight gradient is added to the f32 buffer without being
// rounded to bf16 (cpu/products.h). Backward returns the gradient of x; `weight` itself gets none.
// With grad_weight defined and grad mode on the result requires a gradient whether or not x does
// (see bag_embedding_accumulate). Backward may not be differentiated again. Throws ValueError on a
// wrong shape or dtype.
at::Tensor linear_accumulate(const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& grad_weight);

}  // namespace superpose::ops
