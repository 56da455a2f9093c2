// Passes that lay bf16 operands out for the CPU's products; built once per instruction set as
// row_kernels.h says.
//
// A product that sums over k takes its second operand in pairs: the elements of rows 2 r and
// 2 r + 1 of a column lie in one 32-bit word, and a matrix of words has a row for two of the
// operand's. Words are held as floats, so that what moves floats (transpose.h) moves them too.
#pragma once

#include <cstdint>

#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {

struct Bf16Matrix {
  const Bf16* data;
  std::int64_t stride;  // elements from one row to the next
};

// words [ceil(rows / 2), columns] of x [rows, columns]; a row beyond the last is 0.
using PairRows = void(const Bf16Matrix& x, std::int64_t rows, std::int64_t columns, float* words,
                      std::int64_t words_stride);

namespace isa_default {
PairRows pair_rows;
}  // namespace isa_default
namespace avx2 {
PairRows pair_rows;
}  // namespace avx2
namespace avx512 {
PairRows pair_rows;
}  // namespace avx512

// That of the level in force (kernels.h).
PairRows pair_rows;

}  // namespace superpose::ops::cpu
