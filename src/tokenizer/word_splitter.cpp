#include "tokenizer/word_splitter.h"

#include <string>

#include "tokenizer/patterns.h"
#include "util/utf8.h"

namespace superpose::tokenizer {
namespace {

std::vector<PreTokenizerStep> steps_of(SplitPattern pattern) {
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::kSplitRegex;
  step.pattern = std::string(split_expression(pattern));
  return {step};
}

}  // namespace

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

WordSplitter::WordSplitter(SplitPattern pattern)
    : pre_tokenizer_(steps_of(pattern), "tokenizer train") {}

void WordSplitter::split(std::string_view text, std::vector<std::string_view>& words) {
  words.clear();
  while (!text.empty()) {
    const std::size_t valid = util::first_invalid_utf8(text);
    pre_tokenizer_.split(text.substr(0, valid), scratch_,
                         [&](std::string_view word, const char*) { words.push_back(word); });
    text.remove_prefix(valid < text.size() ? valid + 1 : valid);
  }
}

}  // namespace superpose::tokenizer
