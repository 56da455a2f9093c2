// A Hugging Face tokenizer.json of the byte-level BPE family as plain data. What the format allows
// and what is refused: docs/formats/tokenizers.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace superpose::tokenizer {

// A text that becomes one id before the vocabulary and the merges see it.
struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool single_word = false;  // not inside of a word
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // ... and behind it
  bool normalized = false;   // looked for in the normalised text, itself normalised
  bool special = false;
};

// What becomes of the matches of a split.
enum class SplitBehavior {
  kRemoved,
  kIsolated,
  kMergedWithPrevious,
  kMergedWithNext,
  kContiguous,
};

struct PreTokenizerStep {
  enum class Kind {
    kSplitRegex,
    kSplitText,
    kSplitDigits,
    kPrefixSpace,  // puts a space in front unless there is one; splits nothing
  };
  Kind kind = Kind::kSplitRegex;
  std::string pattern = {};  // the expression or the text
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  // what does not match counts as the match
};

// Ids that `tokenizers` puts around a text unless it is told not to (add_special_tokens).
struct Framing {
  std::vector<std::int32_t> before;
  std::vector<std::int32_t> after;
};

struct Description {
  struct Token {
    std::string text;  // in characters of the byte-level alphabet
    std::int32_t id = 0;
  };
  // A pair of ids and the id of the token that it becomes.
  struct Merge {
    std::int32_t left = 0;
    std::int32_t right = 0;
    std::int32_t merged = 0;
  };

  std::vector<Token> vocabulary;  // in the order of ids, no two alike
  std::vector<Merge> merges;      // the first goes first
  bool ignore_merges = false;     // a pre-token that is a token is taken whole
  bool nfc = false;               // text is normalised to NFC
  // Before the bytes of each piece are merged: the pre-tokenizers, ByteLevel among them, taken
  // apart.
  std::vector<PreTokenizerStep> steps;
  std::vector<AddedToken> added_tokens;  // in the order of the file, ids as `tokenizers` gives them
  Framing framing;                       // of the post-processor; never put there by this program
};

// Throws util::Error that begins with `name` for what is not JSON, names a component that is not
// supported, or contradicts itself.
Description parse_description(std::string_view json, const std::string& name);

}  // namespace superpose::tokenizer
