// The matrix products of linear layers, each on the fastest path that this CPU has.
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
// bf16 products are summed in f32 and added as they are. One case is left where a product is
// rounded to bf16 once before that: the CPU multiplies bf16 natively, but a level below AVX-512 is
// in force.
void add_transposed_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& sum);

// x weight^T, and grad weight: the products of a linear layer forward and backward. Any dtype and
// device; where the CPU prefers them (f32_products.h), through own f32 products. x weight^T is row
// by row where that is asked for (row_by_row.h).
//
//   x     [R, in]   weight [out, in]   returns [R, out]
//   grad  [R, out]  weight [out, in]   returns [R, in]
at::Tensor times_transposed(const at::Tensor& x, const at::Tensor& weight);
at::Tensor times(const at::Tensor& grad, const at::Tensor& weight);

// The same into a contiguous tensor.
void times_transposed_out(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& out);
void times_out(const at::Tensor& grad, const at::Tensor& weight, const at::Tensor& out);

}  // namespace superpose::ops::cpu
