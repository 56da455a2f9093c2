// The parts of a tokenizer, for the sources that build and use them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer.h"
#include "util/hash.h"

namespace superpose::tokenizer {

// What a tokenizer is made of. Nothing in it changes once it is built.
struct Tokenizer::Parts {
  Parts(std::string_view text, const std::string& name, const Description& description);

  // Found by views, without making a text of them.
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return util::hash64(text); }
  };
  using Ids = std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>>;

  std::string json;
  std::uint64_t hash;
  bool nfc;
  bool ignore_merges;
  bool puts_space_in_front;
  Framing framing;
  Bpe bpe;
  PreTokenizer pre_tokenizer;
  AddedTokens raw_tokens;         // looked for in the text as it comes
  AddedTokens normalized_tokens;  // looked for in the normalised text

  // [vocabulary size]
  std::vector<std::string> texts;  // what an id decodes to
  std::vector<bool> known;         // whether the id is used
  std::vector<std::int32_t> bytes_per_id;

  Ids vocabulary;  // by bytes, of the tokens that pre-tokens can become
  Ids others;      // by text, of added tokens and of what is spelled outside of the alphabet

 private:
  void add_vocabulary(const Description& description);
  void add_added_tokens(const Description& description);
};

}  // namespace superpose::tokenizer
