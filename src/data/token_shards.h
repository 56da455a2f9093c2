#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "util/files.h"

namespace superpose::data {

// The token sequence of one or more memory-mapped Megatron .bin/.idx pairs (dtype u16), read as if
// they were one. Token positions run over all of them, in the order given.
//
// Opening checks every pair against itself: magic, version, dtype, sizes, lengths, pointers and
// document index. Token values are checked as they are read. Reading is thread-safe.
class TokenShards {
 public:
  // `prefixes`: paths without ".bin" and ".idx". Throws util::Error naming the file at fault.
  TokenShards(const std::vector<std::filesystem::path>& prefixes, std::int64_t vocabulary_size);

  std::int64_t num_tokens() const { return num_tokens_; }
  std::int64_t num_documents() const { return static_cast<std::int64_t>(document_ends_.size()); }
  std::int64_t vocabulary_size() const { return vocabulary_size_; }

  // Position one past the last token of each document, ascending; the last one is num_tokens().
  std::span<const std::int64_t> document_ends() const { return document_ends_; }
  // Index of the document that holds token `position`; O(log documents).
  std::int64_t document_of(std::int64_t position) const;

  // Copies tokens [position, position + out.size()) to out. Throws util::Error for a range that
  // does not exist, and, naming the shard, for a token id outside the vocabulary.
  void read(std::int64_t position, std::span<std::int32_t> out) const;

 private:
  struct Shard {
    std::string name;
    util::MappedFile tokens;
    std::int64_t first_token;
  };
  void open(const std::filesystem::path& prefix);
  void copy_tokens(const Shard& shard, std::size_t first, std::span<std::int32_t> out) const;

  std::int64_t vocabulary_size_;
  std::int64_t num_tokens_ = 0;
  std::vector<Shard> shards_;
  std::vector<std::int64_t> document_ends_;
};

}  // namespace superpose::data
