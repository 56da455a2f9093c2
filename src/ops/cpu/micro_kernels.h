// oneDNN's blocked micro-kernels, through ATen's brgemm. That is a private call of libtorch: no
// other file makes it, and a libtorch without it is found when the build is configured (src/ops/
// CMakeLists.txt). Then products of f32 tiles take our own blocks (tile_product.h), and no others
// run here: has_f32_products() and has_bf16_products() say no.
#pragma once

#include <cstdint>

#include "ops/cpu/row_kernels.h"
#include "ops/cpu/tile_product.h"

namespace superpose::ops::cpu {

struct Bf16Matrix;

// Whether libtorch has them. Whether the CPU does is another question: AVX-512 for f32, native bf16
// products for bf16.
bool has_micro_kernels();

TileProduct micro_kernel_product;

// out [rows, columns] f32 (+)= a b, summed in f32; depth is even, and b holds two rows of bf16 in
// each word (bf16_rows.h).
void micro_kernel_product_bf16(const ProductSize& size, const Bf16Matrix& a, const Matrix& b,
                               float* out, std::int64_t out_stride, Into into);

// To be called by each thread after its last product of bf16: gives back the tile registers of
// CPUs that have them.
void release_micro_kernels();

}  // namespace superpose::ops::cpu
