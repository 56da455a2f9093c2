// Conversions between bf16 and f32, and the pass that lays bf16 operands out for the CPU's
// products; built once per instruction set as row_kernels.h says.
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

struct Bf16Rows {
  void (*to_f32)(const Bf16* from, std::int64_t size, float* to);
  void (*to_bf16)(const float* from, std::int64_t size, Bf16* to);
  void (*add)(const Bf16* from, std::int64_t size, float* to);  // to += from
  // words [ceil(rows / 2), columns] of x [rows, columns]; a row beyond the last is 0.
  void (*pair)(const Bf16Matrix& x, std::int64_t rows, std::int64_t columns, float* words,
               std::int64_t words_stride);
  // from = high + middle + low to the last bit of f32, each the nearest bf16 to what is left.
  // Returns whether middle (lower half of the word) and low (upper half) hold anything but zeros.
  std::uint32_t (*split)(const float* from, std::int64_t size, Bf16* high, Bf16* middle, Bf16* low);
};

namespace isa_default {
extern const Bf16Rows kBf16Rows;
}  // namespace isa_default
namespace avx2 {
extern const Bf16Rows kBf16Rows;
}  // namespace avx2
namespace avx512 {
extern const Bf16Rows kBf16Rows;
}  // namespace avx512

// The table of the level in force (kernels.h).
const Bf16Rows& active_bf16_rows();

}  // namespace superpose::ops::cpu
