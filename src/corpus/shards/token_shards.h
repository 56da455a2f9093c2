// The tokens of a corpus by position, over all of its files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "corpus/tokens/token_files.h"

namespace superpose::corpus {

// Opens prepared shards: Megatron pairs, without ".bin" and ".idx". Throws util::Error naming the
// file at fault.
std::vector<TokenFile> open_shards(const std::vector<std::filesystem::path>& prefixes);

// The tokens of one or more token files, read in place as if they were one sequence. Token
// positions run over all files, in the order given.
//
// Opening checks every file against itself. Token values are checked as they are read. Reading is
// thread-safe. A file must keep its size while it is open.
class TokenShards {
 public:
  // Of open_shards.
  TokenShards(const std::vector<std::filesystem::path>& prefixes, std::int64_t vocabulary_size);

  TokenShards(std::vector<TokenFile> files, std::int64_t vocabulary_size);
  TokenShards(TokenShards&&) noexcept;
  TokenShards& operator=(TokenShards&&) noexcept;
  ~TokenShards();

  std::int64_t num_tokens() const { return num_tokens_; }
  std::int64_t vocabulary_size() const { return vocabulary_size_; }

  // Position one past the last token of each document, ascending; the last one is num_tokens().
  // The first call reads every token of the files that do not list their documents; so does the
  // first call of the two below.
  std::span<const std::int64_t> document_ends() const;
  std::int64_t num_documents() const { return std::ssize(document_ends()); }
  // Index of the document that holds token `position`; O(log documents).
  std::int64_t document_of(std::int64_t position) const;

  // Copies tokens [position, position + out.size()) to out. Throws util::Error for a range that
  // does not exist, and, naming file and position, for a token id outside the vocabulary.
  void read(std::int64_t position, std::span<std::int32_t> out) const;

 private:
  struct MappedRange;
  struct Documents;
  void copy_tokens(const MappedRange& file_range, std::int64_t first,
                   std::span<std::int32_t> out) const;

  std::int64_t vocabulary_size_;
  std::int64_t num_tokens_ = 0;
  std::vector<TokenFile> files_;
  std::vector<MappedRange> mapped_ranges_;
  std::unique_ptr<Documents> documents_;
};

}  // namespace superpose::corpus
