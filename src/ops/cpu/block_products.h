// x weight^T of f32 matrices, each row by itself (row_by_row.h), for many rows.
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops::cpu {

// out [R, N] = x [R, K] * weight^T, weight [N, K]; all f32, contiguous and on a CPU, no dimension
// 0. A row has the same bits whatever the others are and for any number of threads: other bits than
// row_product_transposed() gives.
void block_product_transposed(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& out);

// Whether the CPU's bf16 tiles (AMX) compute them, out of f32 values split into three bf16 ones.
bool splits_into_bf16();

}  // namespace superpose::ops::cpu
