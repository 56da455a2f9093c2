#include <system_error>

#include "corpus/corpus.h"
#include "corpus/shards/sidecar.h"
#include "corpus/shards/split_writer.h"
#include "corpus/tokens/number_file.h"
#include "util/error.h"
#include "util/file_names.h"
#include "util/hash.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

// A file of the folder. Throws where its content is another.
void verify_file(const fs::path& path, std::uint64_t expected) {
  const std::uint64_t found = util::hash_file(path);
  util::require(found == expected, path.string(), ": is damaged: its hash must be ",
                util::hex64(expected), ", got ", util::hex64(found));
}

void verify_shards(const fs::path& folder, const SidecarSplit& split, VerifyReport& report) {
  for (const ShardInfo& shard : split.shards) {
    verify_file(folder / (shard.name + ".bin"), shard.bin_hash);
    verify_file(folder / (shard.name + ".idx"), shard.idx_hash);
    ++report.shards;
  }
}

void verify_contents(const fs::path& path, const SidecarSplit& expected,
                     const SidecarSplit& found) {
  util::require(found.fingerprint == expected.fingerprint, path.string(),
                ": is damaged: the fingerprint must be ", expected.fingerprint, ", got ",
                found.fingerprint);
}

void verify_fingerprints(const fs::path& folder, const Sidecar& sidecar) {
  const auto path_of = [&](const char* split) {
    return folder / (std::string(split) + kContentsEnding);
  };
  const auto read = [&](const char* name, const SidecarSplit& split) {
    return read_numbers<std::uint64_t>(path_of(name), 0, split.stats.documents);
  };
  const bool in_place = !sidecar.token_format.empty();  // the sources are the training tokens
  Sidecar found = sidecar;
  set_fingerprints(found, in_place ? std::vector<std::uint64_t>() : read("train", sidecar.train),
                   read("validation", sidecar.validation));
  verify_contents(path_of("validation"), sidecar.validation, found.validation);
  if (!in_place) verify_contents(path_of("train"), sidecar.train, found.train);
}

void verify_counts(const fs::path& folder, const Sidecar& sidecar) {
  DocumentCounts counts;
  for (const SourceRecord& source : sidecar.sources) counts += source.counts;
  const SplitStats& train = sidecar.train.stats;
  const SplitStats validation = sidecar.held_out_apart ? SplitStats{} : sidecar.validation.stats;
  const LeftOutDocuments& left_out = sidecar.left_out;
  util::require(
      counts.documents == train.documents + validation.documents + std::ssize(left_out.documents) &&
          counts.text_bytes == train.bytes + validation.bytes + left_out.bytes &&
          counts.tokens == train.tokens + validation.tokens + left_out.tokens,
      (folder / util::kCorpusFile).string(), ": its sources must add up to its splits");
}

// Every token is read once, which checks it against the vocabulary.
void verify_tokens(const TokenShards& shards) {
  constexpr std::int64_t kStep = 1 << 20;
  std::vector<std::int32_t> tokens(kStep);
  for (std::int64_t at = 0; at < shards.num_tokens(); at += kStep) {
    const std::int64_t count = std::min(kStep, shards.num_tokens() - at);
    shards.read(at, std::span(tokens).first(static_cast<std::size_t>(count)));
  }
}

// Whether a source, or a file read with it, is as it was; else the report names it.
bool verify_source(const fs::path& path, std::uint64_t hash, VerifyReport& report) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    report.missing_sources.push_back(path.string());
    return false;
  }
  if (util::hash_file(path) == hash) return true;
  report.changed_sources.push_back(path.string());
  return false;
}

void verify_sources(const Sidecar& sidecar, VerifyReport& report) {
  for (const SourceRecord& source : sidecar.sources) {
    bool is_same = verify_source(source.path, source.hash, report);
    for (const FileRecord& file : source.beside) {
      is_same = verify_source(file.path, file.hash, report) && is_same;
    }
    report.sources += is_same ? 1 : 0;
  }
}

}  // namespace

VerifyReport verify_corpus(const fs::path& folder) {
  const Sidecar sidecar = read_sidecar(folder);
  for (const SidecarFile& file : sidecar.files) verify_file(folder / file.name, file.hash);
  VerifyReport report;
  verify_sources(sidecar, report);
  // Tokens that are read in place are no longer those that the sidecar describes.
  const bool is_changed = !report.changed_sources.empty() || !report.missing_sources.empty();
  if (!sidecar.token_format.empty() && is_changed) return report;
  verify_shards(folder, sidecar.train, report);
  verify_shards(folder, sidecar.validation, report);
  const PreparedCorpus corpus = open_corpus(folder);
  verify_fingerprints(folder, sidecar);
  verify_counts(folder, sidecar);
  verify_tokens(*corpus.train);
  verify_tokens(*corpus.validation);
  return report;
}

}  // namespace superpose::corpus
