#include "ops/cpu/bf16_rows.h"

#include <bit>

#include "ops/cpu/bf16_convert.h"

namespace superpose::ops::cpu::SUPERPOSE_ISA {
namespace {

void to_f32(const Bf16* from, std::int64_t size, float* to) {
  for (std::int64_t v = 0; v < size; ++v) to[v] = widen(from[v]);
}

void to_bf16(const float* from, std::int64_t size, Bf16* to) {
  for (std::int64_t v = 0; v < size; ++v) narrow(from[v], to[v]);
}

void add(const Bf16* from, std::int64_t size, float* to) {
  for (std::int64_t v = 0; v < size; ++v) to[v] += widen(from[v]);
}

void pair(const Bf16Matrix& x, std::int64_t rows, std::int64_t columns, float* words,
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

std::uint32_t split(const float* from, std::int64_t size, Bf16* high, Bf16* middle, Bf16* low) {
  std::uint32_t middles = 0;
  std::uint32_t lows = 0;
#pragma omp simd reduction(| : middles, lows)
  for (std::int64_t v = 0; v < size; ++v) {
    narrow(from[v], high[v]);
    const float rest = from[v] - widen(high[v]);
    narrow(rest, middle[v]);
    narrow(rest - widen(middle[v]), low[v]);
    middles |= middle[v].bits;
    lows |= low[v].bits;
  }
  return middles | lows << 16;
}

}  // namespace

extern const Bf16Rows kBf16Rows = {
    .to_f32 = to_f32, .to_bf16 = to_bf16, .add = add, .pair = pair, .split = split};

}  // namespace superpose::ops::cpu::SUPERPOSE_ISA
