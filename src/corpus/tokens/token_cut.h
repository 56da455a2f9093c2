// Ranges of tokens, and token files without some of them.
#pragma once

#include <cstdint>
#include <span>

#include "corpus/tokens/token_files.h"

namespace superpose::corpus {

// Tokens [first, first + count) of a file, in reading order.
struct TokenRange {
  std::int64_t first = 0;
  std::int64_t count = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("first", self.first);
    v.required("count", self.count);
  }
};

// Takes documents, or parts of them, out of what is read of a file. A document of which nothing is
// left is gone.
//
//   ranges  ascending, without overlap, none empty; each inside one document. Throws util::Error
//           naming the file where they do not lie inside it.
void cut_out(TokenFile& file, std::span<const TokenRange> ranges);

}  // namespace superpose::corpus
