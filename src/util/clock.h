// A clock for measuring.
#pragma once

#include <chrono>

namespace superpose::util {

// Seconds on a clock that is never set back; only differences mean anything.
inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace superpose::util
