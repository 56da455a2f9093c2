// The preparation of one corpus from its files, and the rule for what is held out of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/prepare/batch_reader.h"
#include "corpus/prepare/document_batch.h"
#include "corpus/prepare/document_rules.h"
#include "corpus/prepare/preparation_journal.h"
#include "corpus/prepare/prepare_plan.h"
#include "corpus/shards/sidecar.h"
#include "corpus/shards/split_writer.h"
#include "util/append_file.h"

namespace superpose::corpus {

// Writes the shards of one corpus from its source files into a folder, or continues with what lies
// there. One thread reads, several encode, the caller's writes; the files are the same for any
// number of threads and interruptions.
class CorpusBuilder {
 public:
  // `journal`: where another builder of the same plan stood. `plan` outlives the builder.
  CorpusBuilder(const PreparePlan& plan, std::filesystem::path folder,
                std::optional<PreparationJournal> journal);

  // Every source once, in order. Throws util::Error naming a file that cannot be read or changes
  // meanwhile, or a file here that cannot be written.
  void add_all(const PrepareCallback& callback);

  // Of every source that is finished.
  std::span<const SourceRecord> sources() const { return sources_; }

  // After add_all. Where data.validation_share drew too few documents: the journal from which
  // another builder has to begin in an empty folder, in place of finish(). Throws util::Error for
  // an empty corpus.
  std::optional<PreparationJournal> find_restart();

  // Closes the shards and writes the sidecar and all that lies next to it.
  void finish();

 private:
  void remember_written();
  void add(const DocumentBatch& batch);
  void end_source(std::uint64_t hash);
  void write_progress();
  std::vector<std::function<void(DocumentBatch&)>> make_encoders();
  PrepareProgress progress(bool begins) const;
  void report(const PrepareCallback& callback, bool begins = false);
  static SidecarSplit close(SplitWriter& split);
  void hold_out_ends(SidecarSplit& train);
  std::vector<std::uint64_t> contents_of(const SplitWriter& split, const char* name) const;

  const PreparePlan& plan_;
  std::filesystem::path folder_;
  TokenType token_type_;
  PreparationJournal at_;  // what is written so far; on the disk up to the last write_progress
  PrepareOptions options_;
  DocumentRules rules_;
  SplitWriter train_;
  SplitWriter validation_;
  util::AppendFile source_lines_;
  std::vector<SourceRecord> sources_;  // finished
  std::int64_t unsaved_bytes_ = 0;     // of text, since the last write_progress
  // Of files on the disk: all, and the finished ones.
  std::int64_t num_bytes_ = 0;
  std::int64_t finished_bytes_ = 0;
};

// What data.validation_share holds out: the documents that it draws by their content. Where it
// draws none though its share of their number is two or more, that many documents with the lowest
// draws; else that share of the end of each document. The same where those drawn are too few
// (are_enough): one of several corpora needs any held-out document, one by itself a few of them or
// a usual share of the text.
bool are_enough(const PreparePlan& plan, const SplitStats& train, const SplitStats& validation);

// The share that draws the documents with the lowest draws, so many as `share` is of their number;
// 0 where that is less than two.
double share_of_lowest(std::vector<std::uint64_t> contents, double share);

}  // namespace superpose::corpus
