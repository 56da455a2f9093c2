// Matrix products of f32 through oneDNN's blocked micro-kernels (ATen's brgemm), which use the
// vectors that the CPU has. On AMD's, MKL behind at::mm is slower: by half on Zen 5, by less on
// Zen 4 (docs/adr/0008-f32-products-by-micro-kernels.md).
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops::cpu {

// Whether the micro-kernels run here: the AVX-512 level is in force (kernels.h).
bool has_f32_products();

// Whether products should take them: they run here, and the CPU is not Intel's. A rule and not a
// measurement, so that one machine gives the same bits in every run.
bool prefers_f32_products();

// All operands f32, contiguous and on CPU, no dimension 0; out is written, sum added to. Each
// element is summed in one order, whatever the number of threads.

// out [R, N] = a [R, K] * b [K, N]
void f32_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& out);

// out [R, N] = a [R, K] * b^T, b [N, K]
void f32_product_transposed(const at::Tensor& a, const at::Tensor& b, const at::Tensor& out);

// sum [M, K] += a^T * b, a [R, M], b [R, K]
void f32_add_transposed_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& sum);

}  // namespace superpose::ops::cpu
