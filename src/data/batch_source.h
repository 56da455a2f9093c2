// The batches of a run as a function of the step: rows, their windows and the state of the data.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/token_stream.h"
#include "superposition/phases.h"

namespace superpose::data {

// The rows of one step that one rank works on.
struct Batch {
  std::int64_t step = 0;
  std::int64_t rows = 0;                  // R, of this rank
  std::int64_t step_positions = 0;        // of all ranks
  superposition::WindowShape shape = {};  // L, a, b of each
  std::vector<std::int64_t> inputs;       // [R, L, a]  -1 = padding
  std::vector<std::int64_t> targets;      // [R, L, b]  -100 = ignored
  // [R, L] of each position, the first one of the row that belongs to its document, or to its piece
  // of it (TokenStream). Empty unless the stream is document-aware.
  std::vector<std::int64_t> document_starts;
  // [b] valid targets of each slot over the whole step, all ranks.
  std::vector<std::int64_t> counts;
  // Valid input ids of this rank's rows: its raw tokens.
  std::int64_t raw_tokens = 0;
  // Sum (mod 2^64) over the rows of a hash of row number and raw ids. The sum over ranks does not
  // depend on the number of ranks.
  std::uint64_t ids_hash = 0;
  // Epochs read when the step is done.
  double epoch = 0;
};

// One of the corpora that rows are read from.
struct RowSource {
  std::string name;
  std::shared_ptr<const TokenStream> stream;
  double weight = 1;      // share of the tokens, not scaled, in phases without weights of their own
  double max_epochs = 0;  // passes over it at most, those of an earlier run counted; 0 = no limit
};

// What a run reads, from a step on.
struct BatchPlan {
  // Before first_step, all ranks; also that of an earlier run.
  std::vector<Consumption> consumed = {};
  std::vector<superposition::Phase> phases = {};  // of the whole run, covering [0, total steps)
  std::int64_t first_step = 0;
  // Those of a step, over all ranks, in phases without their own.
  std::int64_t sequence_length = 0;
  std::int64_t rows_per_step = 0;
  std::uint64_t seed = 0;  // of the order inside shuffled rows
  std::int64_t rank = 0;
  std::int64_t world_size = 1;

  superposition::StepSize step_size() const { return {rows_per_step, sequence_length}; }
  // Rows before a step that steps from first_step on read; negative before it.
  std::int64_t rows_to(std::int64_t step) const;
};

// Cuts the batches of a run out of its token stream. Immutable; load is a function of the step, and
// several threads may call it.
class BatchSource {
 public:
  // Throws util::Error for an impossible plan (rank, world size, no rows, no phase).
  BatchSource(std::shared_ptr<const TokenStream> stream, const BatchPlan& plan);

  // Of a mixture. The rows of a phase are dealt to the sources by its weights (RowOrder). A source
  // that would pass its limit within a step is left out from that step on, for good, and the others
  // take its share; where none with a weight is left, the data ends (data_end). Also throws
  // util::Error for weights that name no source.
  BatchSource(std::vector<RowSource> sources, const BatchPlan& plan);
  ~BatchSource();

  // The batch of a step in [first_step, end_step()). The step's R rows are dealt to W ranks in
  // contiguous parts: rank r takes [r R / W, (r + 1) R / W).
  Batch load(std::int64_t step) const;

  // State of the stream before `step`, in [first_step, end_step()]: what a checkpoint keeps.
  std::vector<Consumption> consumption_before(std::int64_t step) const;

  // Epochs read before `step`. Exact without document_aware; else the mean over up to 64 lanes.
  double epoch_before(std::int64_t step) const;

  // The same of one source; rows it gave before `step`.
  double source_epoch_before(std::size_t source, std::int64_t step) const;
  std::int64_t source_rows_before(std::size_t source, std::int64_t step) const;

  // The first step by whose end more than one epoch of a source has been read, so the first to read
  // text again; below first_step() where that was before. nullopt where it outlasts the run.
  std::optional<std::int64_t> exhaustion_step(std::size_t source = 0) const;

  // The first step without a source because it has reached its limit; nullopt where it does not
  // from first_step on.
  std::optional<std::int64_t> used_up_step(std::size_t source) const;

  // The first step for which no source is left; nullopt where the data lasts.
  std::optional<std::int64_t> data_end() const;

  const std::vector<RowSource>& sources() const;
  std::int64_t first_step() const;
  std::int64_t total_steps() const;  // of the plan's phases
  std::int64_t end_step() const;     // data_end() or total_steps()

 private:
  std::vector<std::int64_t> count_targets(std::int64_t step) const;

  struct Plan;
  std::unique_ptr<const Plan> plan_;
};

// Tokens of the longest window (a L + b) of these phases, for choose_layout.
std::int64_t longest_window(const std::vector<superposition::Phase>& phases,
                            std::int64_t sequence_length);

}  // namespace superpose::data
