#include "corpus/corpus.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "corpus/assembly.h"
#include "corpus/corpus_record.h"
#include "corpus/corpus_search.h"
#include "corpus/prepare/corpus_builder.h"
#include "corpus/prepare/preparation_folder.h"
#include "corpus/prepare/prepare_plan.h"
#include "corpus/shards/sidecar.h"
#include "corpus/sources/source_checks.h"
#include "corpus/tokens/number_file.h"
#include "corpus/tokens/token_corpus.h"
#include "tokenizer/load.h"
#include "util/error.h"
#include "util/file_names.h"
#include "util/files.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

void say(const PrepareCallback& progress, const std::string& note) {
  if (progress) progress({.note = note});
}

// Two bytes per token, one token per byte; an .idx entry takes 20 bytes per document. Only for
// bytes is the number of tokens known beforehand.
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
                        ": this one starts from the beginning");
    } else if (remove_partial(fs::path(partial).replace_extension())) {
      say(progress, "an interrupted preparation is removed, because its sources changed since: " +
                        partial.string());
    }
  }
}

// A cache folder may be the user's as well: what a preparation clears must be its own.
void check_is_own(const fs::path& partial) {
  constexpr std::array<std::string_view, 7> kOwn = {
      "train",     "validation",    kSourceRecordsName, kJournalName,
      "tokenizer", kBytesPerIdName, util::kCorpusFile};
  for (const fs::directory_entry& entry : fs::directory_iterator(partial)) {
    const std::string name = entry.path().filename().string();
    const bool is_own = entry.is_regular_file() && !entry.is_symlink() &&
                        std::any_of(kOwn.begin(), kOwn.end(),
                                    [&](std::string_view own) { return name.starts_with(own); });
    util::require(is_own, "data.cache_dir: ", entry.path().string(),
                  " is in the way and was not written by a preparation: move it away, or name "
                  "another folder");
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

void warn_of_undivided(const PreparePlan& plan, std::span<const SourceRecord> sources,
                       const PrepareCallback& progress) {
  const std::vector<std::string> undivided = find_undivided(sources);
  if (plan.config.document_separator.empty() || undivided.empty()) return;
  say(progress, "warning: " + describe_undivided("data.document_separator", undivided));
}

// Where too few documents are drawn, another builder begins in the emptied folder; whether there
// has to be one.
bool restarts(CorpusBuilder& builder, const PreparationFolder& folder,
              std::optional<PreparationJournal>& restart) {
  try {
    restart = builder.find_restart();
  } catch (const util::Error&) {
    folder.discard();
    throw;
  }
  return restart.has_value();
}

// Fills the folder, which may hold what an interrupted preparation left.
void tokenize(const PreparePlan& plan, const PreparationFolder& folder,
              const PrepareCallback& progress) {
  std::optional<PreparationJournal> journal = read_journal(folder.path());
  if (journal) {
    say(progress, "continuing an interrupted preparation: " + folder.path().string());
  } else {
    folder.clear();
    check_disk(plan);
  }
  while (true) {
    std::optional<PreparationJournal> restart;
    {
      CorpusBuilder builder(plan, folder.path(), std::move(journal));
      builder.add_all(progress);
      warn_of_undivided(plan, builder.sources(), progress);
      if (!restarts(builder, folder, restart)) return builder.finish();
    }
    say(progress,
        "too few documents are drawn by data.validation_share: preparing again, with "
        "another choice of what is held out");
    folder.clear();
    write_journal(folder.path(), *restart);
    journal = std::move(restart);
  }
}

void leave_out_files(PreparePlan& plan, const PrepareCallback& progress) {
  leave_out_binaries(plan.sources, plan.config,
                     "; data.on_binary = \"skip\" leaves such files out, \"keep\" takes their "
                     "bytes for text");
  const std::string left_out = describe_left_out(plan.sources);
  if (!left_out.empty()) say(progress, "left out: " + left_out);
}

fs::path prepare(const PreparePlan& plan, const PrepareCallback& progress);

// The parts that a corpus is put together from.
struct PreparedParts {
  fs::path training;
  std::optional<fs::path> held_out;
};

std::optional<PreparedParts> prepare_parts(const PreparePlan& plan,
                                           const PrepareCallback& progress) {
  if (!is_assembled(plan)) return std::nullopt;
  PreparedParts parts;
  if (!plan.config.validation.empty()) parts.held_out = prepare(held_out_part(plan), progress);
  const PreparePlan training = training_part(plan);
  if (fs::exists(folder_of(training))) {
    say(progress, "only what is held out is new: the training documents are those of " +
                      folder_of(training).string());
  }
  parts.training = prepare(training, progress);
  return parts;
}

void fill(const PreparePlan& plan, const std::optional<PreparedParts>& parts,
          const PreparationFolder& folder, const PrepareCallback& progress) {
  if (parts) {
    folder.clear();
    assemble(plan, parts->training, parts->held_out, folder.path());
  } else if (holds_tokens(plan)) {
    folder.clear();
    describe_tokens(plan, folder.path(), progress);
  } else {
    tokenize(plan, folder, progress);
  }
}

void build(const PreparePlan& plan, const PrepareCallback& progress) {
  const std::optional<PreparedParts> parts = prepare_parts(plan, progress);
  PreparationFolder folder(folder_of(plan), [&] {
    say(progress, "waiting for another process that prepares the same corpus");
  });
  if (folder.is_finished()) return;
  check_is_own(folder.path());
  look_for_others(plan, progress);
  try {
    if (!fs::exists(folder.path() / util::kCorpusFile)) fill(plan, parts, folder, progress);
  } catch (...) {
    // Without a journal there is nothing to continue with.
    if (!fs::exists(folder.path() / kJournalName)) folder.discard();
    throw;
  }
  remove_working_files(folder.path());
  folder.commit();
}

// The folder of the plan's corpus, which is prepared where it is not there.
fs::path prepare(const PreparePlan& plan, const PrepareCallback& progress) {
  fs::path folder = folder_of(plan);
  if (!fs::exists(folder)) build(plan, progress);
  return folder;
}

std::vector<TokenFile> open_files(const fs::path& folder, const Sidecar& sidecar,
                                  const SidecarSplit& split) {
  const bool in_place = !sidecar.token_format.empty() && split.shards.empty();
  if (in_place) return open_in_place(sidecar, &split == &sidecar.validation);
  std::vector<fs::path> prefixes;
  for (const ShardInfo& shard : split.shards) prefixes.push_back(folder / shard.name);
  std::vector<TokenFile> files = open_shards(prefixes);
  for (std::size_t i = 0; i < files.size(); ++i) cut_out(files[i], split.shards[i].left_out_at);
  return files;
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

// An earlier version recorded neither the times of the files nor what it left out of them: as long
// as they are gone, no document can be left out that is there.
void check_left_out(const fs::path& folder, const PrepareOptions& options) {
  const std::int64_t documents = read_sidecar(folder).train.stats.documents;
  for (const std::uint64_t content : read_numbers<std::uint64_t>(
           folder / (std::string("train") + kContentsEnding), 0, documents)) {
    util::require(!std::binary_search(options.left_out.begin(), options.left_out.end(), content),
                  "data: source files are gone, and ", folder.string(),
                  " holds a document of a validation set: bring the files back");
  }
}

// What a recipe asks for: a plan; where its files are gone and an earlier version did not record
// when they were changed, the folder that it prepared.
struct Request {
  std::optional<PreparePlan> plan;
  fs::path folder = {};
  bool sources_are_gone = false;
};

Request resolve(const DataConfig& config, const PrepareOptions& options,
                const PrepareCallback& progress) {
  const DataConfig located = locate(config);
  const SourceListing listing = look_for_sources(located);
  Request request;
  if (listing.problems.empty()) {
    request.plan = make_plan(located, options, listing.files);
    if (fs::exists(folder_of(*request.plan))) return request;
  }
  const std::optional<RecalledSources> recalled = recall_sources(config, options, listing);
  if (!recalled) {
    if (!listing.problems.empty()) util::fail(listing.problems.front());
    return request;
  }
  say(progress, std::to_string(recalled->gone.size()) + " of " +
                    std::to_string(recalled->files.size()) + " source files are gone (" +
                    name_some(recalled->gone) + "): reading what was prepared of them, " +
                    recalled->folder.string() +
                    "; to prepare what is there now, remove that folder");
  if (recalled->times_are_known) {
    return {make_plan(recalled->config, options, recalled->files), {}, true};
  }
  check_left_out(recalled->folder, options);
  return {std::nullopt, recalled->folder, true};
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
  corpus.left_out = sidecar.left_out.documents;
  corpus.left_out_documents = std::ssize(corpus.left_out);
  for (const SourceRecord& source : sidecar.sources) {
    corpus.left_out_documents += source.counts.left_out;
  }
  corpus.held_out_apart = sidecar.held_out_apart;
  corpus.held_out_ends = sidecar.held_out_ends;
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

VocabularySize vocabulary_size(const DataConfig& config) {
  const auto loaded = load_tokenizer(locate(config));
  return {loaded.tokenizer.vocabulary_size(), loaded.padded_vocabulary_size};
}

PreparedCorpus open_corpus(const fs::path& folder) {
  return open_with(folder, read_sidecar(folder));
}

PreparedCorpus prepare_corpus(const DataConfig& config, const PrepareCallback& progress,
                              const PrepareOptions& options) {
  config.validate();
  util::require(!config.cache_dir.empty(),
                "data.cache_dir: must name a folder for prepared corpora, as there is no default "
                "without HOME and XDG_CACHE_HOME");
  Request request = resolve(config, options, progress);
  const fs::path folder = request.plan ? folder_of(*request.plan) : request.folder;
  const bool was_cached = fs::exists(folder);
  if (!was_cached) {
    if (!request.sources_are_gone) leave_out_files(*request.plan, progress);
    build(*request.plan, progress);
  }
  PreparedCorpus corpus;
  try {
    corpus = open_corpus(folder);
  } catch (const util::Error& error) {
    util::fail(error.what(), "; remove ", folder.string(), " to prepare the corpus again");
  }
  // The newest is what was asked for last: find_corpus. A cache may be read-only.
  std::error_code ignored;
  if (was_cached)
    fs::last_write_time(folder / util::kCorpusFile, fs::file_time_type::clock::now(), ignored);
  corpus.was_cached = was_cached;
  return corpus;
}

}  // namespace superpose::corpus
