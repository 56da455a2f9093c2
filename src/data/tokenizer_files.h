#pragma once

#include <cstdint>
#include <string>

#include "tokenizer/bytes.h"

namespace superpose::data {

// What a checkpoint carries of the tokenizer that made a corpus.
struct TokenizerFiles {
  std::string tokenizer_json;
  std::string tokenizer_config_json;
  std::int64_t end_of_document = 0;
};

// Of a corpus that was read as bytes.
inline TokenizerFiles byte_tokenizer_files() {
  return {tokenizer::byte_tokenizer_json(), tokenizer::byte_tokenizer_config_json(),
          tokenizer::kEndOfDocument};
}

}  // namespace superpose::data
