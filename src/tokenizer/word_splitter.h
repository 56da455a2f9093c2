// Cutting a text into words by one of the well-known patterns, for training.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "tokenizer/pre_tokenizer.h"

namespace superpose::tokenizer {

// How a text is cut into words before merges are learnt or applied inside each of them.
enum class SplitPattern { kGpt2, kLlama3, kQwen2 };
inline constexpr std::array<std::string_view, 3> kSplitPatternNames{"gpt2", "llama3", "qwen2"};

// The regular expression, as a tokenizer.json spells it.
std::string_view split_expression(SplitPattern pattern);

// Cuts texts into words with one of the patterns. For one thread.
class WordSplitter {
 public:
  explicit WordSplitter(SplitPattern pattern);

  // Replaces `words` by the words of the text, in order. Bytes that are not UTF-8 are left out, and
  // a word does not reach over them (encoding does otherwise, docs/formats/tokenizers.md).
  void split(std::string_view text, std::vector<std::string_view>& words);

 private:
  PreTokenizer pre_tokenizer_;
  PreTokenizer::Scratch scratch_;
};

}  // namespace superpose::tokenizer
