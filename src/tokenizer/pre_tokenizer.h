#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/description.h"
#include "tokenizer/regex.h"

namespace superpose::tokenizer {

// Cuts a text into the pre-tokens that merges do not cross. Immutable.
class PreTokenizer {
 public:
  // What a thread needs to cut with.
  struct Scratch {
    Regex::Scratch regex;
  };
  using Visit = std::function<void(std::string_view word)>;

  // Throws util::Error that begins with `name` for an expression that is not supported.
  PreTokenizer(std::vector<PreTokenizerStep> steps, const std::string& name);

  // The words of valid UTF-8, in order; none is empty. A word lives until `visit` returns.
  void split(std::string_view text, Scratch& scratch, const Visit& visit) const;

 private:
  struct Step {
    PreTokenizerStep description;
    std::optional<Regex> regex;
  };
  // Steps from the given one on.
  void apply(std::size_t first, std::string_view text, Scratch& scratch, const Visit& visit) const;

  std::vector<Step> steps_;
};

}  // namespace superpose::tokenizer
