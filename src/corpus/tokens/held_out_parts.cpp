#include "corpus/tokens/held_out_parts.h"

#include <algorithm>
#include <cstring>

#include "util/hash.h"
#include "util/utf8.h"

namespace superpose::corpus {
namespace {

constexpr std::int64_t kStep = 1 << 20;         // tokens read at once
constexpr std::int64_t kPieceTokens = 1 << 20;  // of a held-out document cut out of a longer one
constexpr int kContinuationBytes = 3;           // of a character of UTF-8, at most

std::vector<std::int32_t> read(const TokenShards& tokens, const TokenRange& range) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(range.count));
  tokens.read(range.first, ids);
  return ids;
}

bool begins_inside_a_character(const TokenShards& tokens, std::int64_t position,
                               const tokenizer::Tokenizer& tokenizer) {
  const std::string text = tokenizer.decode(read(tokens, {position, 1}));
  return !text.empty() && util::continues_character(text.front());
}

}  // namespace

TokenRange without_markers(const TokenShards& tokens, TokenRange document, std::int64_t marker) {
  const auto is_marker = [&](std::int64_t position) {
    std::int32_t id = 0;
    tokens.read(position, std::span(&id, 1));
    return id == marker;
  };
  while (document.count > 0 && is_marker(document.first + document.count - 1)) --document.count;
  while (document.count > 0 && is_marker(document.first)) {
    ++document.first;
    --document.count;
  }
  return document;
}

std::vector<DocumentEnd> find_ends(const TokenShards& tokens,
                                   const tokenizer::LoadedTokenizer& tokenizer, double share) {
  std::vector<DocumentEnd> ends;
  std::int64_t document = 0;
  std::int64_t begin = 0;
  for (const std::int64_t end : tokens.document_ends()) {
    const TokenRange text =
        without_markers(tokens, {begin, end - begin}, tokenizer.end_of_document);
    TokenRange part;
    part.count = static_cast<std::int64_t>(share * static_cast<double>(text.count));
    part.first = text.first + text.count - part.count;
    for (int i = 0; i < kContinuationBytes && part.count > 0; ++i) {
      if (!begins_inside_a_character(tokens, part.first, tokenizer.tokenizer)) break;
      ++part.first;
      --part.count;
    }
    if (part.count > 0) ends.push_back({document, part});
    ++document;
    begin = end;
  }
  return ends;
}

std::vector<TokenRange> pieces_of(const TokenRange& end, bool is_only) {
  const std::int64_t fewest = is_only ? 2 : 1;
  const std::int64_t pieces =
      std::min(end.count, std::max(fewest, (end.count + kPieceTokens - 1) / kPieceTokens));
  std::vector<TokenRange> result;
  for (std::int64_t i = 0; i < pieces; ++i) {
    const std::int64_t begin = end.count * i / pieces;
    result.push_back({end.first + begin, end.count * (i + 1) / pieces - begin});
  }
  return result;
}

PartCopier::PartCopier(const tokenizer::LoadedTokenizer& tokenizer, TokenType type,
                       SplitWriter& split)
    : tokenizer_(tokenizer), type_(type), split_(split) {}

std::int64_t PartCopier::copy(const TokenShards& tokens, const TokenRange& range) {
  std::vector<std::int32_t> ids = read(tokens, range);
  const std::uint64_t content = util::hash64(tokenizer_.tokenizer.decode(ids));
  std::int64_t bytes = 0;
  for (const std::int32_t id : ids) {
    bytes += tokenizer_.tokenizer.bytes_per_id()[static_cast<std::size_t>(id)];
  }
  ids.push_back(tokenizer_.end_of_document);
  std::vector<std::byte> written(ids.size() * token_bytes(type_));
  with_token_type(type_, [&](auto number) {
    using Number = decltype(number);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto id = static_cast<Number>(ids[i]);
      std::memcpy(written.data() + i * sizeof id, &id, sizeof id);
    }
  });
  split_.write({.tokens = written, .content = content, .text_bytes = bytes});
  return bytes;
}

std::int64_t text_bytes(const TokenShards& tokens, const TokenRange& range,
                        std::span<const std::int32_t> bytes_per_id) {
  std::int64_t bytes = 0;
  for (std::int64_t done = 0; done < range.count; done += kStep) {
    for (const std::int32_t id :
         read(tokens, {range.first + done, std::min(kStep, range.count - done)})) {
      bytes += bytes_per_id[static_cast<std::size_t>(id)];
    }
  }
  return bytes;
}

}  // namespace superpose::corpus
