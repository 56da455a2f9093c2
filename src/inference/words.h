// Prompts to ids, and generated ids to text: a model's tokenizer as generation uses it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace superpose::inference {

class Words {
 public:
  // `begin`: what an empty prompt begins with, the model's bos_token_id.
  Words(tokenizer::Tokenizer tokenizer, std::optional<std::int64_t> begin)
      : tokenizer_(std::move(tokenizer)), begin_(begin) {}

  // As transformers encodes a prompt: with the tokens that begin every text. Throws util::Error
  // that begins with `where` for an empty prompt where there is no `begin`.
  std::vector<std::int32_t> ids_of(const std::string& text, const std::string& where) const;

  // Need not be UTF-8 (TextStream). Nothing for special tokens, and for ids that only the model
  // has.
  std::string bytes_of(std::int32_t id) const;

  const tokenizer::Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  tokenizer::Tokenizer tokenizer_;
  std::optional<std::int64_t> begin_;
};

}  // namespace superpose::inference
