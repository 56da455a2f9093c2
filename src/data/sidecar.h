#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/corpus.h"
#include "data/shard_writer.h"

namespace superpose::data {

inline constexpr std::int64_t kCorpusSchema = 2;
inline constexpr const char* kSidecarName = "corpus.json";
// Beside it: u64 content hash of each document of a split, in order.
inline constexpr const char* kContentsEnding = ".contents";

struct SidecarSplit {
  SplitStats stats;
  std::string fingerprint;
  std::vector<ShardInfo> shards;
};

// corpus.json of a prepared corpus (docs/formats/shards.md).
struct Sidecar {
  std::string key;
  std::string tokenizer = "bytes";
  std::int64_t vocabulary_size = 0;
  std::int64_t padded_vocabulary_size = 0;
  SidecarSplit train;
  SidecarSplit validation;
  std::vector<Half> validation_halves;
  std::int64_t left_out_documents = 0;  // training documents with the content of a held-out one
  std::vector<SourceRecord> sources;
};

std::string to_json(const Sidecar& sidecar);

// Throws util::Error naming the file where it is not a sidecar of this schema.
Sidecar read_sidecar(const std::filesystem::path& folder);

}  // namespace superpose::data
