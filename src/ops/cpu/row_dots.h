// Products of f32 matrices in which an element of the result depends on its own row of a and on b
// alone, and not on how many other rows there are.
#pragma once

#include <cstdint>

#include "ops/cpu/tile_product.h"

namespace superpose::ops::cpu {

// out [rows, columns] = a [rows, depth] * b^T, b [columns, depth]. Each element is one sum in
// vectors over ascending depth, then of the vector's lanes; what is computed next to it changes
// nothing. Built once per instruction set as row_kernels.h says; out must not overlap a or b.
using RowDots = void(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
                     std::int64_t out_stride);

namespace isa_default {
RowDots row_dots;
}  // namespace isa_default
namespace avx2 {
RowDots row_dots;
}  // namespace avx2
namespace avx512 {
RowDots row_dots;
}  // namespace avx512

// That of the level in force (kernels.h).
RowDots row_dots;

}  // namespace superpose::ops::cpu
