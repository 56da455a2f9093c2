// What a self-test found out about this machine.
#pragma once

#include <string>

namespace superpose::selftest {

// One property that was tried. A measured value above what is allowed has failed.
struct Check {
  std::string name = {};     // "causal_attention f32"
  double measured = 0;       // in `unit`
  double allowed = 0;        // same
  std::string unit = {};     // "largest error / largest value", "files that differ"
  std::string failure = {};  // where it could not be tried at all: why; else empty

  // A value that is not a number has failed.
  bool passed() const { return failure.empty() && measured <= allowed; }
};

}  // namespace superpose::selftest
