// Size of the training or validation split of a corpus.
#pragma once

#include <cstdint>

namespace superpose::corpus {

// Of the documents of a split, training or validation.
struct SplitStats {
  std::int64_t documents = 0;
  std::int64_t bytes = 0;   // of text
  std::int64_t tokens = 0;  // with the end-of-document tokens

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("documents", self.documents);
    v.required("bytes", self.bytes);
    v.required("tokens", self.tokens);
  }
};

// Share of the text that is held out.
inline double held_out_share(const SplitStats& train, const SplitStats& validation) {
  const std::int64_t total = train.bytes + validation.bytes;
  return total == 0 ? 0 : static_cast<double>(validation.bytes) / static_cast<double>(total);
}

}  // namespace superpose::corpus
