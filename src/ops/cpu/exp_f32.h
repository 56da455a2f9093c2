// exp in f32, for the sources built per instruction set only: file-local by an anonymous namespace.
#pragma once

#include <bit>
#include <cstdint>

namespace superpose::ops::cpu {
namespace {

// exp(x) by a polynomial (own minimax fit, relative error of the fit below 5e-9), which the
// compiler vectorises at every level. Clamped to [-87, 88].
inline float exp_f32(float x) {
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;  // few bits: k * kLn2High is exact
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRoundToInt = 12582912.0F;  // 1.5 * 2^23: adding it rounds into the low bits
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  const float shifted = x * kLog2E + kRoundToInt;
  const float k = shifted - kRoundToInt;
  float r = x - k * kLn2High;
  r = r - k * kLn2Low;
  float p = 0.001381459878757596F;
  p = p * r + 0.008368716575205326F;
  p = p * r + 0.04166838899254799F;
  p = p * r + 0.1666652113199234F;
  p = p * r + 0.4999999403953552F;
  p = p * r * r + r + 1.0F;
  const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) << 23) + 0x3f800000U;
  return p * std::bit_cast<float>(exponent);
}

}  // namespace
}  // namespace superpose::ops::cpu
