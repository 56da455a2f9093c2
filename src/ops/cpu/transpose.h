// Matrices in memory, and their transpose.
#pragma once

#include <cstdint>

namespace superpose::ops::cpu {

struct Matrix {
  const float* data;
  std::int64_t stride;  // elements from one row to the next
};

// to [columns, rows] = from^T, in square tiles of whole registers; built once per instruction set
// as row_kernels.h says.
using Transpose = void(const Matrix& from, std::int64_t rows, std::int64_t columns, float* to,
                       std::int64_t to_stride);

namespace isa_default {
Transpose transpose;
}  // namespace isa_default
namespace avx2 {
Transpose transpose;
}  // namespace avx2
namespace avx512 {
Transpose transpose;
}  // namespace avx512

// That of the level in force (kernels.h).
Transpose transpose;

}  // namespace superpose::ops::cpu
