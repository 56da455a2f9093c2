// A tokenizer by what a recipe calls it: "bytes", a file or a folder.
#pragma once

#include <cstdint>
#include <string>

#include "tokenizer/tokenizer.h"

namespace superpose::tokenizer {

// A tokenizer, and what a corpus and a model folder need to know of it.
struct LoadedTokenizer {
  Tokenizer tokenizer;
  std::string name;         // as in the recipe: "bytes", or the path
  std::string json;         // tokenizer.json for a model folder
  std::string config_json;  // tokenizer_config.json for a model folder: eos_token, class
  std::int32_t end_of_document = 0;
  // Rows of the embedding: the vocabulary rounded up to a multiple of 64.
  std::int64_t padded_vocabulary_size = 0;
};

// The tokenizer alone, for whoever needs no end of documents. `spec`: "bytes"; a tokenizer.json; a
// folder that holds one; or a tiktoken rank file (tiktoken.h).
Tokenizer open_tokenizer(const std::string& spec);

// `spec` as above. `end_of_document` is the text of the token that ends a document; where it is
// empty, the first of these that there is:
//
//   eos_token of the tokenizer_config.json next to the file
//   the one special token with a usual name, such as "<|endoftext|>" or "</s>"
//   eos_token of a special_tokens_map.json
//
// Throws util::Error: a file that cannot be read or is not supported, no such token.
LoadedTokenizer load_tokenizer(const std::string& spec, const std::string& end_of_document = "");

}  // namespace superpose::tokenizer
