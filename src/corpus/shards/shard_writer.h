// Token shards in Megatron-LM's format: write, and resume writing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "corpus/shards/token_type.h"
#include "corpus/tokens/token_cut.h"
#include "util/append_file.h"

namespace superpose::corpus {

// u16 below 65,500 ids, as Megatron-LM has it; else i32.
inline TokenType token_type_for(std::int64_t vocabulary_size) {
  return vocabulary_size < 65500 ? TokenType::kU16 : TokenType::kI32;
}

// Upper bounds of the writer; the defaults are for use, smaller ones for tests.
struct ShardLimits {
  std::int64_t shard_tokens = std::int64_t{1} << 28;     // 512 MiB of u16
  std::int64_t sequence_tokens = std::int64_t{1} << 30;  // lengths in .idx are i32
  TokenType type = TokenType::kU16;                      // or i32
};

// One finished pair of files.
struct ShardInfo {
  std::string name;  // "train-00000": prefix of both file names
  std::int64_t tokens = 0;
  std::int64_t documents = 0;
  std::uint64_t bin_hash = 0;  // XXH3 of the whole file
  std::uint64_t idx_hash = 0;
  std::vector<TokenRange> left_out_at = {};  // what of it is not read

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("name", self.name);
    v.required("tokens", self.tokens);
    v.required("documents", self.documents);
    v.required("bin_xxh3", self.bin_hash);
    v.required("idx_xxh3", self.idx_hash);
    v.unless_empty("left_out_at", self.left_out_at);
  }
};

// How far a writer got: with the lengths of the open shard's documents, all that another writer
// needs to continue.
struct ShardProgress {
  std::vector<ShardInfo> finished;
  std::int64_t open_documents = 0;  // of the shard that is not finished
  std::int64_t open_tokens = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("finished", self.finished);
    v.required("open_documents", self.open_documents);
    v.required("open_tokens", self.open_tokens);
  }
};

// Writes token sequences as Megatron-LM .bin/.idx pairs (docs/formats/shards.md), little-endian. A
// shard is closed once it holds shard_tokens; a document never spans two shards. One longer than
// sequence_tokens becomes several sequences of one Megatron document.
//
//   .bin   the tokens, nothing else
//   .idx   "MMIDIDX\0\0", u64 version 1, u8 dtype, u64 S sequences, u64 D + 1 entries,
//          i32 length of each sequence [S], i64 byte offset of each in .bin [S],
//          i64 first sequence of each document and S at the end [D + 1]
class ShardWriter {
 public:
  ShardWriter(std::filesystem::path folder, std::string split, const ShardLimits& limits = {});

  // Continues where another writer of the same limits stood at `progress`; what it wrote later is
  // cut off. `open_document_tokens`: tokens of each document of the open shard. Before any append.
  void resume(const ShardProgress& progress, std::span<const std::int64_t> open_document_tokens);

  // A document is begun by its first append. Throws util::Error where a file cannot be written.
  // `tokens` lie as the shard holds them: a multiple of token_bytes().
  void append(std::span<const std::byte> tokens);
  void append(std::span<const std::uint16_t> tokens) { append(std::as_bytes(tokens)); }
  void append(std::span<const std::int32_t> tokens) { append(std::as_bytes(tokens)); }
  void end_document();

  // Puts everything on the disk; every document must be ended.
  ShardProgress sync();

  // Closes the last shard; nothing may follow. Every document must be ended.
  std::vector<ShardInfo> finish();

 private:
  std::string next_name() const;
  void open_shard(std::int64_t tokens);
  void close_shard();
  void end_sequence();
  void write_index(const std::filesystem::path& path) const;

  std::filesystem::path folder_;
  std::string split_;
  ShardLimits limits_;
  std::optional<util::AppendFile> bin_;       // of the open shard
  std::vector<std::int32_t> lengths_;         // of the open shard's sequences
  std::vector<std::int64_t> document_index_;  // of the open shard
  std::int64_t sequence_length_ = 0;          // of the open sequence
  std::int64_t shard_tokens_ = 0;
  std::vector<ShardInfo> finished_;
};

}  // namespace superpose::corpus
