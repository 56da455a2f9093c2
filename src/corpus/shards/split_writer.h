// The training or validation split of a corpus: shards, content hashes and lengths, resumable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "corpus/shards/shard_writer.h"
#include "corpus/shards/split_stats.h"
#include "util/append_file.h"

namespace superpose::corpus {

// Next to the shards of a split, "train" or "validation":
inline constexpr const char* kContentsEnding = ".contents";  // u64 content hash of each document
inline constexpr const char* kLengthsEnding = ".lengths";    // i64 tokens of each, until finished

// How far a split is written and on the disk.
struct SplitProgress {
  SplitStats stats;
  ShardProgress shards;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    SplitStats::visit(self.stats, v);
    v.required("shards", self.shards);
  }
};

// Writes one split of a corpus so that it can be resumed after a kill.
class SplitWriter {
 public:
  // Continues from `progress`, or starts where that is empty. Throws util::Error for files that
  // hold less.
  SplitWriter(const std::filesystem::path& folder, const std::string& name,
              const ShardLimits& limits, const SplitProgress& progress);

  struct Document {
    std::span<const std::byte> tokens;  // as the shards hold them
    std::uint64_t content = 0;
    std::int64_t text_bytes = 0;
  };
  void write(const Document& document);

  const SplitStats& stats() const { return stats_; }

  // Puts everything on the disk.
  SplitProgress sync();

  // Closes all files; nothing may follow.
  std::vector<ShardInfo> finish();

 private:
  std::int64_t token_bytes_;
  SplitStats stats_;
  ShardWriter shards_;
  util::AppendFile contents_;
  util::AppendFile lengths_;
};

}  // namespace superpose::corpus
