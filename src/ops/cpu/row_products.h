// x weight^T of f32 matrices, each row by itself (row_by_row.h).
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops::cpu {

//   x    [R, in]  weight [out, in]  out [R, out]   f32, contiguous, on a CPU
void row_product_transposed(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& out);

}  // namespace superpose::ops::cpu
