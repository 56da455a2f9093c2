// Numbers of a recipe that are computed with in f32.
#pragma once

#include <limits>

namespace superpose::util {

// Whether a number above 0 is a normal one in f32 too: it neither becomes 0 there nor infinite.
inline bool is_normal_f32(double value) {
  using Limits = std::numeric_limits<float>;
  return value >= double{Limits::min()} && value <= double{Limits::max()};
}

}  // namespace superpose::util
