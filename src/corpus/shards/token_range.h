// Tokens that lie one after the other.
#pragma once

#include <cstdint>

namespace superpose::corpus {

// Tokens [first, first + count) of a file or a corpus, in reading order.
struct TokenRange {
  std::int64_t first = 0;
  std::int64_t count = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("first", self.first);
    v.required("count", self.count);
  }
};

}  // namespace superpose::corpus
