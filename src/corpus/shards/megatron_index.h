// The index (.idx) of Megatron-LM's token files: read and checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "corpus/tokens/token_files.h"

namespace superpose::corpus {

// What Megatron-LM's .idx says of its .bin (layout: shard_writer.h; an i8 mode of each sequence may
// follow, which is of no use here).
struct MegatronIndex {
  TokenType type = TokenType::kU16;
  std::vector<FileRange> file_ranges;       // sequences in their order, joined where they touch
  std::vector<std::int64_t> document_ends;  // in tokens; documents without a token are left out
  std::int64_t num_tokens = 0;
  std::int64_t bin_bytes = 0;  // size that .bin must have
};

// Checks the index against itself: magic, version, a dtype of whole numbers, counts against the
// size, sequences that cover [0, bin_bytes) without overlap, a document index that runs from 0 to
// the number of sequences. `name` opens every util::Error.
MegatronIndex parse_megatron_index(std::span<const std::byte> bytes, const std::string& name);

// A pair of files that a path names: .bin, .idx or the two without ending.
struct MegatronPaths {
  std::filesystem::path bin;
  std::filesystem::path idx;
};
MegatronPaths megatron_paths(const std::filesystem::path& path);

}  // namespace superpose::corpus
