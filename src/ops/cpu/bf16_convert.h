// Conversions between bf16 and f32, for the sources built per instruction set only: everything here
// is file-local by its anonymous namespace.
#pragma once

#include <bit>
#include <cstdint>

#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {
namespace {

inline float widen(float value) { return value; }

inline float widen(Bf16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

// The bits of `value` in bf16, rounded to nearest even; a NaN stays a (quiet) NaN.
inline std::uint32_t bf16_bits(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  return value != value ? 0x7fc0U : rounded;
}

inline void narrow(float value, Bf16& out) {
  out.bits = static_cast<std::uint16_t>(bf16_bits(value));
}

inline void narrow(float value, float& out) { out = value; }

}  // namespace
}  // namespace superpose::ops::cpu
