#pragma once

#include <memory>
#include <string_view>
#include <vector>

namespace superpose::tokenizer {

// How a text is cut into words before merges are learnt or applied inside each of them.
enum class SplitPattern { kGpt2, kLlama3, kQwen2 };

// The regular expression, as a tokenizer.json spells it.
std::string_view split_expression(SplitPattern pattern);

class WordSplitter {
 public:
  explicit WordSplitter(SplitPattern pattern);
  WordSplitter(WordSplitter&&) noexcept;
  ~WordSplitter();

  // Replaces `words` by the words of the text, in order and without gaps.
  void split(std::string_view text, std::vector<std::string_view>& words);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace superpose::tokenizer
