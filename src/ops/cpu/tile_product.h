// A small f32 matrix product, for operands that fit in the caches of one core.
#pragma once

#include <cstdint>

#include "ops/cpu/transpose.h"

namespace superpose::ops::cpu {

struct ProductSize {
  std::int64_t rows, columns, depth;
};

enum class Into { kEmpty, kSum };

// A product of f32 matrices that fit in the caches of one core:
//
//   out [rows, columns] = a [rows, depth] * b [depth, columns], or += where `into` is kSum
//
// Each element is summed in one order, over ascending depth. Built once per instruction set as
// row_kernels.h says; out must not overlap a or b.
using TileProduct = void(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
                         std::int64_t out_stride, Into into);

namespace isa_default {
TileProduct tile_product;
}  // namespace isa_default
namespace avx2 {
TileProduct tile_product;
}  // namespace avx2
namespace avx512 {
TileProduct tile_product;
}  // namespace avx512

// That of the level in force (kernels.h); with AVX-512 oneDNN's (micro_kernels.h).
TileProduct tile_product;

// Our own at every level: an element depends on its row of a and on b alone, and not on how many
// other rows there are.
TileProduct own_tile_product;

}  // namespace superpose::ops::cpu
