// Parts of token files that are held out: found, and copied into a split of their own.
#pragma once

#include <cstdint>
#include <vector>

#include "corpus/shards/split_writer.h"
#include "corpus/shards/token_shards.h"
#include "corpus/tokens/token_cut.h"
#include "tokenizer/load.h"

namespace superpose::corpus {

// The document without the tokens that end documents, at both ends.
TokenRange without_markers(const TokenShards& tokens, TokenRange document, std::int64_t marker);

// The end of a document, without what marks it.
struct DocumentEnd {
  std::int64_t document = 0;  // its number
  TokenRange range;
};

// The last `share` of each document's text in tokens, rounded down; it begins with a character.
// Documents too short for a token of it have none.
std::vector<DocumentEnd> find_ends(const TokenShards& tokens,
                                   const tokenizer::LoadedTokenizer& tokenizer, double share);

// An end as documents of bounded size, one after the other; two at least where it is the only one,
// as validation wants two halves.
std::vector<TokenRange> pieces_of(const TokenRange& end, bool is_only);

// Writes parts of token files as documents of a split.
class PartCopier {
 public:
  // Both outlive the copier. `type`: of the split's numbers.
  PartCopier(const tokenizer::LoadedTokenizer& tokenizer, TokenType type, SplitWriter& split);

  // One document: the tokens and an end-of-document token. Returns the bytes of its text.
  std::int64_t copy(const TokenShards& tokens, const TokenRange& range);

 private:
  const tokenizer::LoadedTokenizer& tokenizer_;
  TokenType type_;
  SplitWriter& split_;
};

// Bytes of text that the tokens of a range stand for.
std::int64_t text_bytes(const TokenShards& tokens, const TokenRange& range,
                        std::span<const std::int32_t> bytes_per_id);

}  // namespace superpose::corpus
