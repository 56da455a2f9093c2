#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "data/batch_reader.h"
#include "data/corpus.h"
#include "data/document_batch.h"
#include "data/document_rules.h"
#include "data/preparation_journal.h"
#include "data/prepare_plan.h"
#include "data/sidecar.h"
#include "data/split_writer.h"
#include "util/append_file.h"

namespace superpose::data {

// Writes the shards of one corpus from its source files into a folder, or goes on with what lies
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

  // Throws util::Error for an empty corpus or a held-out share outside 0.2-10 %.
  void check_share() const;

  // Closes the shards and writes the sidecar and all that lies beside it.
  void finish();

 private:
  BatchReader::Reading reading() const;
  void collect_held_out();
  void remember_written();
  void add(const DocumentBatch& batch);
  void end_source(std::uint64_t hash);
  void write_progress();
  std::vector<std::function<void(DocumentBatch&)>> make_encoders();
  PrepareProgress progress() const;
  SidecarTokenizer sidecar_tokenizer() const;
  SidecarSplit close(SplitWriter& split, const char* name, const std::string& halves);
  std::vector<std::uint64_t> contents_of(const SplitWriter& split, const char* name) const;

  const PreparePlan& plan_;
  std::filesystem::path folder_;
  DocumentRules rules_;
  TokenType token_type_;
  PreparationJournal at_;  // what is written so far; on the disk up to the last write_progress
  SplitWriter train_;
  SplitWriter validation_;
  util::AppendFile source_lines_;
  std::vector<SourceRecord> sources_;  // finished
  std::int64_t unsaved_bytes_ = 0;     // of text, since the last write_progress
  // Of files on the disk: all, and the finished ones.
  std::int64_t num_bytes_ = 0;
  std::int64_t finished_bytes_ = 0;
};

// Throws util::Error where held_out_share lies outside 0.2-10 %.
void check_held_out_share(const SplitStats& train, const SplitStats& validation);

}  // namespace superpose::data
