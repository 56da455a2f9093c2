// Products of bf16 matrices, summed in f32 and never rounded to bf16, through oneDNN's
// micro-kernels (ATen's brgemm).
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops::cpu {

// Whether they run here: the CPU multiplies bf16 natively and the AVX-512 level is in force
// (kernels.h).
bool has_bf16_products();

// sum [M, K] f32 += a^T * b, a [R, M], b [R, K] bf16; all contiguous and on CPU, no dimension 0.
// Each element is summed in one order, whatever the number of threads.
void bf16_add_transposed_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& sum);

}  // namespace superpose::ops::cpu
