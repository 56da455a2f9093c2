#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops::cpu {

// Whether this CPU multiplies bf16 matrices faster than f32 ones (AVX-512 bf16 or AMX); elsewhere
// bf16 operands are widened.
bool has_fast_bf16_products();

// sum += a^T b: how a weight's gradient reaches its buffer.
//
//   a    [R, M]  f32 or bf16 (f64 with an f64 sum)
//   b    [R, K]  dtype of a
//   sum  [M, K]  f32, contiguous
//
// Where has_fast_bf16_products, a bf16 product is rounded to bf16 once before it is added;
// otherwise it is formed in f32.
void add_transposed_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& sum);

}  // namespace superpose::ops::cpu
