#include "tokenizer/word_splitter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "tokenizer/patterns.h"
#include "util/error.h"

namespace superpose::tokenizer {

std::string_view split_expression(SplitPattern pattern) {
  switch (pattern) {
    case SplitPattern::kGpt2:
      return kGpt2Pattern;
    case SplitPattern::kLlama3:
      return kCl100kPattern;
    case SplitPattern::kQwen2:
      return kQwenPattern;
  }
  return {};
}

struct WordSplitter::Parts {
  pcre2_code* code = nullptr;
  pcre2_match_data* match = nullptr;
  ~Parts() {
    pcre2_match_data_free(match);
    pcre2_code_free(code);
  }
};

WordSplitter::WordSplitter(SplitPattern pattern) : parts_(std::make_unique<Parts>()) {
  const std::string_view text = split_expression(pattern);
  int error = 0;
  std::size_t at = 0;
  parts_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                               PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &error, &at, nullptr);
  util::require(parts_->code != nullptr, "tokenizer: split expression is no PCRE2 pattern");
  pcre2_jit_compile(parts_->code, PCRE2_JIT_COMPLETE);
  parts_->match = pcre2_match_data_create_from_pattern(parts_->code, nullptr);
}

WordSplitter::WordSplitter(WordSplitter&&) noexcept = default;
WordSplitter::~WordSplitter() = default;

void WordSplitter::split(std::string_view text, std::vector<std::string_view>& words) {
  words.clear();
  std::size_t at = 0;
  while (at < text.size()) {
    const int found = pcre2_match(parts_->code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                                  text.size(), at, PCRE2_NO_UTF_CHECK, parts_->match, nullptr);
    if (found < 0) break;
    const std::size_t* range = pcre2_get_ovector_pointer(parts_->match);
    if (range[0] > at) words.push_back(text.substr(at, range[0] - at));
    words.push_back(text.substr(range[0], range[1] - range[0]));
    at = range[1];
  }
  if (at < text.size()) words.push_back(text.substr(at));
}

}  // namespace superpose::tokenizer
