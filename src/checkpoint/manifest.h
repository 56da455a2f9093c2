// The files of a checkpoint folder by name, and the manifest that lists them with their hashes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "checkpoint/checkpoint.h"

namespace superpose::checkpoint {

inline constexpr char kTrainerFolder[] = "trainer";
inline constexpr char kManifestFile[] = "trainer/manifest.json";
inline constexpr char kOptimizerFile[] = "trainer/optimizer.safetensors";
inline constexpr char kStateFile[] = "trainer/state.json";
inline constexpr char kCorpusFile[] = "trainer/corpus.json";
inline constexpr char kPinFile[] = "trainer/pinned";
inline constexpr char kConfigFile[] = "config.json";
inline constexpr char kGenerationConfigFile[] = "generation_config.json";
inline constexpr char kTokenizerFile[] = "tokenizer.json";
inline constexpr char kTokenizerConfigFile[] = "tokenizer_config.json";

// trainer/manifest.json: {"schema", "step", "files": {name: {"size", "xxh3"}}, "xxh3"}; the last is
// the hash of the others in compact JSON, so that a change of the manifest itself is seen.
struct Manifest {
  std::int64_t step = 0;
  std::map<std::string, FileDigest> files;  // by path within the folder
};

// Written last, so it is there only when everything else is.
void write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

// Whether the folder was saved as a checkpoint, whatever became of it since.
bool has_manifest(const std::filesystem::path& folder);

// Reads the manifest and checks itself, its schema and the names in it, and the folder against it.
// Throws util::Error that begins with "checkpoint <folder>: <file>:".
Manifest read_and_verify(const std::filesystem::path& folder, Check check);

}  // namespace superpose::checkpoint
