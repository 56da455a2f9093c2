#include "data/corpus.h"

#include <system_error>

#include "data/corpus_builder.h"
#include "data/number_file.h"
#include "data/preparation_folder.h"
#include "data/prepare_plan.h"
#include "data/sidecar.h"
#include "data/source_checks.h"
#include "data/token_corpus.h"
#include "tokenizer/load.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolderPrefix = "corpus-";

void say(const PrepareCallback& progress, const std::string& note) {
  if (progress) progress({.note = note});
}

// Two bytes a token, one token a byte; an .idx entry takes 20 bytes a document. Only for bytes is
// the number of tokens known beforehand.
void check_disk(const PreparePlan& plan) {
  if (plan.config.tokenizer != "bytes") return;
  std::uint64_t needed = 0;
  for (const SourceFile& source : plan.sources) {
    needed += static_cast<std::uint64_t>(source.bytes) * 2;
  }
  const std::string& cache = plan.config.cache_dir;
  const std::uint64_t free = util::free_disk_bytes(cache);
  util::require(needed <= free, "data.cache_dir: ", cache, " needs ", needed,
                " bytes for the shards, ", free, " are free");
}

// What an interrupted preparation of the same files left under another key. Its text can never be
// of use again where the files changed; where only the settings did, it is the user's to decide.
void look_for_others(const PreparePlan& plan, const PrepareCallback& progress) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(plan.config.cache_dir, error)) {
    const fs::path& partial = entry.path();
    if (partial.extension() != ".partial") continue;
    std::optional<PreparationJournal> journal;
    try {
      journal = read_journal(partial);
    } catch (const util::Error&) {
      continue;  // of another version of the program
    }
    if (!journal || journal->header.names_key != plan.keys.names_key ||
        journal->header.key == plan.keys.key) {
      continue;
    }
    if (journal->header.sources_key == plan.keys.sources_key) {
      say(progress, "an interrupted preparation with other settings lies in " + partial.string() +
                        ": this one starts anew");
    } else if (remove_partial(fs::path(partial).replace_extension())) {
      say(progress, "an interrupted preparation is removed, because its sources changed since: " +
                        partial.string());
    }
  }
}

// Files that only an unfinished corpus has.
void remove_working_files(const fs::path& folder) {
  for (const char* split : {"train", "validation"}) {
    fs::remove(folder / (std::string(split) + kLengthsEnding));
  }
  fs::remove(folder / kSourceRecordsName);
  fs::remove(folder / kJournalName);
  util::remove_abandoned(folder);
}

// Fills the folder, which may hold what an interrupted preparation left.
void fill(PreparePlan& plan, PreparationFolder& folder, const PrepareCallback& progress) {
  leave_out_binaries(plan.sources, plan.config,
                     "; data.on_binary = \"skip\" leaves such files out, \"keep\" takes their "
                     "bytes for text");
  const std::string left_out = describe_left_out(plan.sources);
  if (!left_out.empty()) say(progress, "left out: " + left_out);
  if (holds_tokens(plan)) {
    folder.clear();
    describe_tokens(plan, folder.path(), progress);
    return;
  }
  std::optional<PreparationJournal> journal = read_journal(folder.path());
  if (journal) {
    say(progress, "going on with an interrupted preparation: " + folder.path().string());
  } else {
    folder.clear();
    check_disk(plan);
  }
  CorpusBuilder builder(plan, folder.path(), std::move(journal));
  builder.add_all(progress);
  const std::vector<std::string> undivided = find_undivided(builder.sources());
  if (!plan.config.document_separator.empty() && !undivided.empty()) {
    say(progress, "warning: " + describe_undivided("data.document_separator", undivided));
  }
  try {
    builder.check_share();
  } catch (const util::Error&) {
    folder.discard();
    throw;
  }
  builder.finish();
}

void build(PreparePlan& plan, const fs::path& final_path, const PrepareCallback& progress) {
  util::remove_abandoned(plan.config.cache_dir);
  PreparationFolder folder(final_path, [&] {
    say(progress, "waiting for another process that prepares the same corpus");
  });
  if (folder.is_finished()) return;
  look_for_others(plan, progress);
  try {
    if (!fs::exists(folder.path() / kSidecarName)) fill(plan, folder, progress);
  } catch (...) {
    // Without a journal there is nothing to go on with.
    if (!fs::exists(folder.path() / kJournalName)) folder.discard();
    throw;
  }
  remove_working_files(folder.path());
  folder.commit();
}

std::vector<TokenFile> open_files(const fs::path& folder, const Sidecar& sidecar,
                                  const SidecarSplit& split) {
  if (!sidecar.token_format.empty()) return open_sources(sidecar, &split == &sidecar.validation);
  std::vector<fs::path> prefixes;
  for (const ShardInfo& shard : split.shards) prefixes.push_back(folder / shard.name);
  return open_shards(prefixes);
}

std::shared_ptr<const TokenShards> open_split(const fs::path& folder, const Sidecar& sidecar,
                                              const SidecarSplit& split) {
  auto shards = std::make_shared<TokenShards>(open_files(folder, sidecar, split),
                                              sidecar.tokenizer.vocabulary_size);
  if (!sidecar.token_format.empty()) return shards;
  util::require(shards->num_tokens() == split.stats.tokens &&
                    shards->num_documents() == split.stats.documents,
                "corpus ", folder.string(), ": must hold ", split.stats.tokens, " tokens in ",
                split.stats.documents, " documents by its sidecar, got ", shards->num_tokens(),
                " in ", shards->num_documents());
  return shards;
}

// The cache may hold what was prepared as one of several corpora, where the sum is what counts.
void check_share(const PreparedCorpus& corpus, const PrepareOptions& options) {
  if (options.all_held_out || options.none_held_out || options.any_share) return;
  check_held_out_share(corpus.train_stats, corpus.validation_stats);
}

PreparedCorpus open_with(const fs::path& folder, const Sidecar& sidecar) {
  PreparedCorpus corpus;
  corpus.train = open_split(folder, sidecar, sidecar.train);
  corpus.validation = open_split(folder, sidecar, sidecar.validation);
  for (const char half : sidecar.validation_halves) {
    corpus.validation_halves.push_back(half == 'A' ? Half::kA : Half::kB);
  }
  corpus.validation_contents =
      read_numbers<std::uint64_t>(folder / (std::string("validation") + kContentsEnding), 0,
                                  sidecar.validation.stats.documents);
  corpus.sources = sidecar.sources;
  corpus.tokenizer = {util::read_file(folder / kTokenizerName),
                      util::read_file(folder / kTokenizerConfigName),
                      sidecar.tokenizer.end_of_document};
  corpus.bytes_per_id =
      read_numbers<std::int32_t>(folder / kBytesPerIdName, 0, sidecar.tokenizer.vocabulary_size);
  corpus.train_stats = sidecar.train.stats;
  corpus.validation_stats = sidecar.validation.stats;
  corpus.held_out_share = held_out_share(sidecar.train.stats, sidecar.validation.stats);
  for (const SourceRecord& source : sidecar.sources) {
    corpus.left_out_documents += source.counts.left_out;
  }
  corpus.fingerprint = sidecar.train.fingerprint;
  corpus.validation_fingerprint = sidecar.validation.fingerprint;
  corpus.vocabulary_size = sidecar.tokenizer.vocabulary_size;
  corpus.padded_vocabulary_size = sidecar.tokenizer.padded_vocabulary_size;
  corpus.folder = folder;
  return corpus;
}

}  // namespace

std::vector<TokenFile> open_held_out(const fs::path& folder) {
  const Sidecar sidecar = read_sidecar(folder);
  return open_files(folder, sidecar, sidecar.validation);
}

std::int64_t padded_vocabulary_size(const DataConfig& config) {
  return load_tokenizer(config).padded_vocabulary_size;
}

PreparedCorpus open_corpus(const fs::path& folder) {
  return open_with(folder, read_sidecar(folder));
}

CorpusSearch find_corpus(const DataConfig& config, const PrepareOptions& options) {
  const std::string wanted = request_key(config, options);
  CorpusSearch search;
  fs::file_time_type newest_time;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(config.cache_dir, error)) {
    const fs::path& folder = entry.path();
    const fs::path sidecar = folder / kSidecarName;
    if (folder.extension() == ".partial" || !fs::exists(sidecar)) continue;
    try {
      if (read_sidecar(folder).request_key != wanted) continue;
    } catch (const util::Error& problem) {  // damaged, or of another version of the program
      search.passed_over.emplace_back(problem.what());
      continue;
    }
    const auto time = fs::last_write_time(sidecar);
    if (search.folder && time <= newest_time) continue;
    search.folder = folder;
    newest_time = time;
  }
  return search;
}

PreparedCorpus prepare_corpus(const DataConfig& config, const PrepareCallback& progress,
                              const PrepareOptions& options) {
  config.validate();
  util::require(!config.cache_dir.empty(), "data.cache_dir: must name a folder");
  PreparePlan plan = make_plan(config, options);
  const fs::path folder = fs::path(config.cache_dir) / (kFolderPrefix + plan.keys.key);
  const bool was_cached = fs::exists(folder);
  if (!was_cached) build(plan, folder, progress);
  PreparedCorpus corpus;
  try {
    corpus = open_corpus(folder);
  } catch (const util::Error& error) {
    util::fail(error.what(), "; remove ", folder.string(), " to prepare the corpus again");
  }
  check_share(corpus, options);
  // The newest is what was asked for last: find_corpus. A cache may be read-only.
  std::error_code ignored;
  if (was_cached)
    fs::last_write_time(folder / kSidecarName, fs::file_time_type::clock::now(), ignored);
  corpus.was_cached = was_cached;
  return corpus;
}

}  // namespace superpose::data
