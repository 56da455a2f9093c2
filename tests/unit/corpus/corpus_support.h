// Small corpora in shards, and Python scripts, for the tests of data.
#pragma once

#include <sys/wait.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/shards/shard_writer.h"
#include "corpus/shards/token_shards.h"
#include "support/error_of.h"

namespace superpose::test {

using Document = std::vector<std::uint16_t>;

inline constexpr std::int64_t kAllU16 = 65536;

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::vector<corpus::ShardInfo> write_shards(const std::filesystem::path& folder,
                                                   const std::vector<Document>& documents,
                                                   const corpus::ShardLimits& limits = {}) {
  corpus::ShardWriter writer(folder, "train", limits);
  for (const Document& document : documents) {
    writer.append(document);
    writer.end_document();
  }
  return writer.finish();
}

inline std::shared_ptr<const corpus::TokenShards> make_shards(
    const std::filesystem::path& folder, const std::vector<Document>& documents,
    const corpus::ShardLimits& limits = {}) {
  std::vector<std::filesystem::path> prefixes;
  for (const auto& shard : write_shards(folder, documents, limits)) {
    prefixes.push_back(folder / shard.name);
  }
  return std::make_shared<corpus::TokenShards>(prefixes, kAllU16);
}

// Documents of the given lengths whose tokens number the corpus: token i has id i.
inline std::vector<Document> numbered_documents(const std::vector<std::int64_t>& lengths) {
  std::vector<Document> documents;
  std::uint16_t next = 0;
  for (const std::int64_t length : lengths) {
    Document document(static_cast<std::size_t>(length));
    std::iota(document.begin(), document.end(), next);
    next = static_cast<std::uint16_t>(next + length);
    documents.push_back(std::move(document));
  }
  return documents;
}

inline std::string python() {
  const std::string configured = SUPERPOSE_PYTHON;  // empty in builds without libtorch
  return configured.empty() ? SUPERPOSE_SOURCE_DIR "/.venv/bin/python" : configured;
}

// Exit status of a command line.
inline int run_command(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// What a script here exits with when a package that it needs is absent.
inline constexpr int kSkipped = 77;

}  // namespace superpose::test
