#include "ops/cpu/bf16_rows.h"

#include <bit>

namespace superpose::ops::cpu::SUPERPOSE_ISA {

void pair_rows(const Bf16Matrix& x, std::int64_t rows, std::int64_t columns, float* words,
               std::int64_t words_stride) {
  for (std::int64_t row = 0; row < rows; row += 2) {
    const Bf16* low = x.data + row * x.stride;
    float* out = words + row / 2 * words_stride;
    if (row + 1 == rows) {
      for (std::int64_t c = 0; c < columns; ++c) {
        out[c] = std::bit_cast<float>(static_cast<std::uint32_t>(low[c].bits));
      }
      return;
    }
    const Bf16* high = low + x.stride;
#pragma omp simd
    for (std::int64_t c = 0; c < columns; ++c) {
      const auto upper = static_cast<std::uint32_t>(high[c].bits) << 16;
      out[c] = std::bit_cast<float>(upper | low[c].bits);
    }
  }
}

}  // namespace superpose::ops::cpu::SUPERPOSE_ISA
