#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "data/corpus.h"
#include "data/shard_writer.h"
#include "data/sidecar.h"
#include "data/sources.h"
#include "util/hash.h"

namespace superpose::data {

// Writes the shards of one corpus from its source files.
class CorpusBuilder {
 public:
  CorpusBuilder(const DataConfig& config, const PrepareOptions& options,
                std::filesystem::path folder);

  // Every source once, in order. Throws util::Error naming a file that cannot be read or changes
  // meanwhile.
  void add_all(const std::vector<SourceFile>& sources, const PrepareCallback& progress);

  // Closes the shards and describes them. Throws util::Error for an empty corpus or a held-out
  // share outside 0.2-10 %.
  Sidecar finish();

 private:
  struct Split {
    explicit Split(const std::filesystem::path& folder, const char* name) : writer(folder, name) {}
    ShardWriter writer;
    SplitStats stats;
    std::vector<std::uint64_t> contents;  // of each document
  };
  void collect_held_out(const std::vector<SourceFile>& sources);
  void add(const SourceFile& source);
  void add_document(std::string_view text, bool held_out_source, SourceRecord& record);
  bool is_held_out(std::uint64_t content, bool held_out_source);
  void write(Split& split, std::string_view text, std::uint64_t content);
  void check_share() const;
  SidecarSplit close(Split& split, const char* name, const std::vector<Half>& halves) const;

  const DataConfig& config_;
  const PrepareOptions& options_;
  std::filesystem::path folder_;
  Split train_;
  Split validation_;
  std::unordered_set<std::uint64_t> held_out_;  // contents that training must not see
  Sidecar sidecar_;
};

// Share of the text that is held out.
double held_out_share(const SplitStats& train, const SplitStats& validation);

}  // namespace superpose::data
