#include "data/corpus.h"

#include <cstring>
#include <system_error>

#include "data/corpus_builder.h"
#include "data/sidecar.h"
#include "data/sources.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"

namespace superpose::data {
namespace {

namespace fs = std::filesystem;

void update_text(util::Hasher& hasher, std::string_view text) {
  hasher.update(std::uint64_t{text.size()});
  hasher.update(text);
}

// Of everything that decides what the shards hold, without reading the sources.
std::string cache_key(const DataConfig& config, const std::vector<SourceFile>& sources,
                      const PrepareOptions& options) {
  util::Hasher hasher;
  hasher.update(static_cast<std::uint64_t>(kCorpusSchema));
  update_text(hasher, config.document_separator);
  hasher.update(std::uint64_t{config.validation.empty()});
  if (config.validation.empty()) {
    hasher.update(static_cast<std::uint64_t>(config.validation_share * 0x1p53));
  }
  hasher.update(std::uint64_t{options.all_held_out});
  hasher.update(std::uint64_t{options.left_out.size()});
  for (const std::uint64_t content : options.left_out) hasher.update(content);
  for (const SourceFile& source : sources) {
    update_text(hasher, source.path.string());
    update_text(hasher, source.name);
    hasher.update(static_cast<std::uint64_t>(source.bytes));
    hasher.update(static_cast<std::uint64_t>(source.modified_ns));
    hasher.update(std::uint64_t{source.held_out});
  }
  return util::hex64(hasher.digest64());
}

void check_disk(const fs::path& cache, const std::vector<SourceFile>& sources) {
  std::uint64_t needed = 0;
  // Two bytes a token, one token a byte; an .idx entry takes 20 bytes a document.
  for (const SourceFile& source : sources) needed += static_cast<std::uint64_t>(source.bytes) * 2;
  const std::uint64_t free = util::free_disk_bytes(cache);
  util::require(needed <= free, "data.cache_dir: ", cache.string(), " needs ", needed,
                " bytes for the shards, ", free, " are free");
}

struct Job {
  const DataConfig& config;
  const PrepareOptions& options;
  const PrepareCallback& progress;
};

void build(const Job& job, const std::vector<SourceFile>& sources, const std::string& key,
           const fs::path& folder) {
  const DataConfig& config = job.config;
  util::remove_abandoned(config.cache_dir);
  check_disk(config.cache_dir, sources);
  util::AtomicDirectory directory(folder);
  CorpusBuilder builder(config, job.options, directory.path());
  builder.add_all(sources, job.progress);
  Sidecar sidecar = builder.finish();
  sidecar.key = key;
  util::write_file_atomic(directory.path() / kSidecarName, to_json(sidecar));
  try {
    directory.commit();
  } catch (const util::Error&) {
    // Another process may have been faster; its folder holds the same.
    if (!fs::exists(folder)) throw;
  }
}

std::shared_ptr<const TokenShards> open_split(const fs::path& folder, const Sidecar& sidecar,
                                              const SidecarSplit& split) {
  std::vector<fs::path> prefixes;
  for (const ShardInfo& shard : split.shards) prefixes.push_back(folder / shard.name);
  auto shards = std::make_shared<TokenShards>(prefixes, sidecar.vocabulary_size);
  util::require(shards->num_tokens() == split.stats.tokens &&
                    shards->num_documents() == split.stats.documents,
                "corpus ", folder.string(), ": must hold ", split.stats.tokens, " tokens in ",
                split.stats.documents, " documents by its sidecar, got ", shards->num_tokens(),
                " in ", shards->num_documents());
  return shards;
}

// Content hashes of a split's documents.
std::vector<std::uint64_t> read_contents(const fs::path& folder, const char* split,
                                         std::int64_t documents) {
  const fs::path path = folder / (std::string(split) + kContentsEnding);
  const std::string bytes = util::read_file(path);
  util::require(bytes.size() == static_cast<std::size_t>(documents) * sizeof(std::uint64_t),
                path.string(), ": must hold 8 bytes for each of ", documents, " documents, got ",
                bytes.size());
  std::vector<std::uint64_t> contents(static_cast<std::size_t>(documents));
  std::memcpy(contents.data(), bytes.data(), bytes.size());
  return contents;
}

PreparedCorpus open_with(const fs::path& folder, const Sidecar& sidecar) {
  PreparedCorpus corpus;
  corpus.train = open_split(folder, sidecar, sidecar.train);
  corpus.validation = open_split(folder, sidecar, sidecar.validation);
  util::require(std::ssize(sidecar.validation_halves) == sidecar.validation.stats.documents,
                "corpus ", folder.string(), ": sidecar must give a half for each of ",
                sidecar.validation.stats.documents, " validation documents, got ",
                sidecar.validation_halves.size());
  corpus.validation_halves = sidecar.validation_halves;
  corpus.validation_contents =
      read_contents(folder, "validation", sidecar.validation.stats.documents);
  corpus.sources = sidecar.sources;
  corpus.tokenizer = byte_tokenizer_files();
  corpus.bytes_per_id.assign(static_cast<std::size_t>(sidecar.vocabulary_size), 1);
  corpus.bytes_per_id.back() = 0;
  corpus.train_stats = sidecar.train.stats;
  corpus.validation_stats = sidecar.validation.stats;
  corpus.held_out_share = held_out_share(sidecar.train.stats, sidecar.validation.stats);
  corpus.fingerprint = sidecar.train.fingerprint;
  corpus.validation_fingerprint = sidecar.validation.fingerprint;
  corpus.vocabulary_size = sidecar.vocabulary_size;
  corpus.padded_vocabulary_size = sidecar.padded_vocabulary_size;
  corpus.folder = folder;
  return corpus;
}

void verify_file(const fs::path& path, std::uint64_t expected) {
  const std::uint64_t found = util::hash_file(path);
  util::require(found == expected, "shard ", path.string(), ": is damaged: its hash must be ",
                util::hex64(expected), ", got ", util::hex64(found));
}

void verify_split(const fs::path& folder, const SidecarSplit& split, VerifyReport& report) {
  for (const ShardInfo& shard : split.shards) {
    verify_file(folder / (shard.name + ".bin"), shard.bin_hash);
    verify_file(folder / (shard.name + ".idx"), shard.idx_hash);
    ++report.shards;
  }
}

}  // namespace

PreparedCorpus open_corpus(const fs::path& folder) {
  return open_with(folder, read_sidecar(folder));
}

PreparedCorpus prepare_corpus(const DataConfig& config, const PrepareCallback& progress,
                              const PrepareOptions& options) {
  config.validate();
  util::require(!config.cache_dir.empty(), "data.cache_dir: must name a folder");
  const std::vector<SourceFile> sources = list_sources(config);
  const std::string key = cache_key(config, sources, options);
  const fs::path folder = fs::path(config.cache_dir) / ("corpus-" + key);
  const bool was_cached = fs::exists(folder);
  if (!was_cached) build({config, options, progress}, sources, key, folder);
  try {
    PreparedCorpus corpus = open_corpus(folder);
    corpus.was_cached = was_cached;
    return corpus;
  } catch (const util::Error& error) {
    util::fail(error.what(), "; remove ", folder.string(), " to prepare the corpus again");
  }
}

VerifyReport verify_corpus(const fs::path& folder) {
  const Sidecar sidecar = read_sidecar(folder);
  VerifyReport report;
  verify_split(folder, sidecar.train, report);
  verify_split(folder, sidecar.validation, report);
  open_with(folder, sidecar);
  for (const SourceRecord& source : sidecar.sources) {
    std::error_code error;
    if (!fs::exists(source.path, error)) {
      report.missing_sources.push_back(source.path);
    } else if (util::hash_file(source.path) != source.hash) {
      report.changed_sources.push_back(source.path);
    } else {
      ++report.sources;
    }
  }
  return report;
}

}  // namespace superpose::data
