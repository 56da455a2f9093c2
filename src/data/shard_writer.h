#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace superpose::data {

// Upper bounds of the writer; the defaults are for use, smaller ones for tests.
struct ShardLimits {
  std::int64_t shard_tokens = std::int64_t{1} << 28;     // 512 MiB of u16
  std::int64_t sequence_tokens = std::int64_t{1} << 30;  // lengths in .idx are i32
};

// One finished pair of files.
struct ShardInfo {
  std::string name;  // "train-00000": prefix of both file names
  std::int64_t tokens = 0;
  std::int64_t documents = 0;
  std::uint64_t bin_hash = 0;  // XXH3 of the whole file
  std::uint64_t idx_hash = 0;
};

// Writes token sequences as Megatron-LM .bin/.idx pairs (docs/formats/shards.md), dtype u16,
// little-endian. A shard is closed once it holds shard_tokens; a document never spans two shards.
// One longer than sequence_tokens becomes several sequences of one Megatron document.
//
//   .bin   the tokens, nothing else
//   .idx   "MMIDIDX\0\0", u64 version 1, u8 dtype 8, u64 S sequences, u64 D + 1 entries,
//          i32 length of each sequence [S], i64 byte offset of each in .bin [S],
//          i64 first sequence of each document and S at the end [D + 1]
class ShardWriter {
 public:
  ShardWriter(std::filesystem::path folder, std::string split, const ShardLimits& limits = {});

  // A document is begun by its first append. Throws util::Error where a file cannot be written.
  void append(std::span<const std::uint16_t> tokens);
  void end_document();

  // Closes the last shard; nothing may follow. Every document must be ended.
  std::vector<ShardInfo> finish();

 private:
  void open_shard();
  void close_shard();
  void end_sequence();
  void write_index(const std::filesystem::path& path) const;

  std::filesystem::path folder_;
  std::string split_;
  ShardLimits limits_;
  std::string name_;  // of the open shard
  std::ofstream bin_;
  std::vector<std::int32_t> lengths_;         // of the open shard's sequences
  std::vector<std::int64_t> document_index_;  // of the open shard
  std::int64_t sequence_length_ = 0;          // of the sequence under way
  std::int64_t shard_tokens_ = 0;
  std::vector<ShardInfo> finished_;
};

}  // namespace superpose::data
