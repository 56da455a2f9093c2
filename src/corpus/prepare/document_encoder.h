// Tokenizes the batches of a preparation, one encoder for each thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "corpus/prepare/document_batch.h"
#include "corpus/shards/shard_writer.h"
#include "tokenizer/tokenizer.h"

namespace superpose::corpus {

struct EncodeOptions {
  tokenizer::SpecialText special = tokenizer::SpecialText::kAsText;
  std::int32_t end_of_document = 0;
  TokenType type = TokenType::kU16;
};

// Encodes the documents of batches into tokens as shards hold them, each document with the
// end-of-document token behind it. One thread at a time; several may share the tokenizer.
class DocumentEncoder {
 public:
  // `tokenizer` outlives the encoder.
  DocumentEncoder(const tokenizer::Tokenizer& tokenizer, const EncodeOptions& options);

  // Fills batch.tokens and takes batch.text away.
  void encode(DocumentBatch& batch);

 private:
  tokenizer::Encoder encoder_;
  EncodeOptions options_;
  std::vector<std::int32_t> ids_;
};

}  // namespace superpose::corpus
