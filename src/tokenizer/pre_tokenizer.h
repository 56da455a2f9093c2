// Pre-tokenisation: the split steps of a tokenizer.json.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/description.h"
#include "tokenizer/patterns.h"
#include "tokenizer/regex.h"
#include "tokenizer/scanners.h"

namespace superpose::tokenizer {

// Cuts a text into the pre-tokens that merges do not cross. Immutable.
class PreTokenizer {
 public:
  // What a thread needs to cut with.
  struct Scratch {
    Regex::Scratch regex;
  };

  // Throws util::Error that begins with `name` for an expression that is not supported.
  PreTokenizer(std::vector<PreTokenizerStep> steps, const std::string& name);

  // visit(word, limit) for the words of valid UTF-8, in order; none is empty. Bytes may be read up
  // to `limit` >= the word's end, until `visit` returns.
  template <class Visit>
  void split(std::string_view text, Scratch& scratch, const Visit& visit) const {
    switch (only_scanner_) {
      case KnownPattern::kGpt2:
        return scan<Gpt2Scanner>(text, visit);
      case KnownPattern::kQwen:
        return scan<Cl100kScanner<1>>(text, visit);
      case KnownPattern::kCl100k:
        return scan<Cl100kScanner<3>>(text, visit);
      case KnownPattern::kTiktokenCl100k:
        return scan<TiktokenCl100kScanner>(text, visit);
      case KnownPattern::kO200k:
        return scan<O200kScanner>(text, visit);
      case KnownPattern::kNone:
        return apply(0, text, scratch,
                     [&visit](std::string_view word) { visit(word, word.data() + word.size()); });
    }
  }

 private:
  struct Step {
    PreTokenizerStep description;
    KnownPattern scanner = KnownPattern::kNone;
    std::optional<Regex> regex;  // where there is no scanner
  };
  using Visit = std::function<void(std::string_view word)>;

  template <class Scanner, class VisitWord>
  static void scan(std::string_view text, const VisitWord& visit) {
    const Scanner scanner(text);
    const char* limit = text.data() + text.size();
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = scanner.next(begin);
      visit(text.substr(begin, end - begin), limit);
      begin = end;
    }
  }
  // Steps from the given one on.
  void apply(std::size_t first, std::string_view text, Scratch& scratch, const Visit& visit) const;

  // Set where one expression with a scanner is all there is to do.
  KnownPattern only_scanner_ = KnownPattern::kNone;
  std::vector<Step> steps_;
};

}  // namespace superpose::tokenizer
