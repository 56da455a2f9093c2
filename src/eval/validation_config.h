// Which held-out windows are scored, and how often.
#pragma once

#include <cstdint>

#include "util/error.h"

namespace superpose::eval {

struct ValidationConfig {
  std::int64_t every = 250;
  std::int64_t windows = 256;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.operational("every", self.every, "steps between validations; 0 = only before and after");
    v.field("windows", self.windows, "held-out windows scored, at most, half from each half");
  }

  void validate() const {
    util::require(every >= 0, "validation.every: must be >= 0, got ", every);
    util::require(windows >= 2, "validation.windows: must be >= 2, one for each half, got ",
                  windows);
  }
};

}  // namespace superpose::eval
