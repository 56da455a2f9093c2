// bf16 operands of a tile, in the layouts of bf16_rows.h, and their product.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/cpu/bf16_rows.h"
#include "ops/cpu/micro_kernels.h"
#include "ops/cpu/transpose.h"

namespace superpose::ops::cpu {

inline Bf16* as_bf16(float* words) { return reinterpret_cast<Bf16*>(words); }
inline const Bf16* as_bf16(const float* words) { return reinterpret_cast<const Bf16*>(words); }

inline std::int64_t pairs_of(std::int64_t size) { return (size + 1) / 2; }

// to [columns, 2 ceil(rows / 2)] bf16 = from [rows, columns]^T, with a zero at the end of each row
// where rows is odd; to_stride in words.
inline void transpose_bf16(const Bf16Matrix& from, std::int64_t rows, std::int64_t columns,
                           float* to, std::int64_t to_stride) {
  constexpr std::int64_t kTurnedRows = 32;
  constexpr std::int64_t kTurnedColumns = 64;
  float words[kTurnedRows / 2 * kTurnedColumns];
  for (std::int64_t row = 0; row < rows; row += kTurnedRows) {
    const std::int64_t height = std::min(kTurnedRows, rows - row);
    for (std::int64_t column = 0; column < columns; column += kTurnedColumns) {
      const std::int64_t width = std::min(kTurnedColumns, columns - column);
      active_bf16_rows().pair({from.data + row * from.stride + column, from.stride}, height, width,
                              words, kTurnedColumns);
      transpose({words, kTurnedColumns}, pairs_of(height), width, to + column * to_stride + row / 2,
                to_stride);
    }
  }
}

// out [rows, columns] f32 (+)= a b, with b in words; sums are in f32. An odd depth is rounded up:
// operands hold zeros there.
inline void multiply_bf16(const ProductSize& size, const Bf16Matrix& a, const Matrix& b, float* out,
                          std::int64_t out_stride, Into into) {
  micro_kernel_product_bf16({size.rows, size.columns, 2 * pairs_of(size.depth)}, a, b, out,
                            out_stride, into);
}

}  // namespace superpose::ops::cpu
