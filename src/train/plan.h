// What a run is going to do, in numbers, before its first step.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "corpus/corpus_record.h"
#include "data/source_usage.h"
#include "superposition/phases.h"
#include "train/checkpoint_count.h"
#include "train/memory.h"
#include "train/speed.h"
#include "util/resources.h"

namespace superpose::train {

struct RunSpec;
struct Setup;

// The part of the learning-rate schedule that a step lies in. A cosine has no stable part: all of
// it after the warm-up is kDecay.
enum class SchedulePart { kWarmup, kStable, kDecay };

// A validation set and how much of it is scored.
struct PlannedSet {
  std::string name;
  std::int64_t documents = 0;
  std::int64_t tokens = 0;
  std::int64_t windows = 0;        // each time
  std::int64_t final_windows = 0;  // when the run is done
  bool has_both_halves = false;    // a window in each
};

// A task that is scored during the run.
struct PlannedTask {
  std::string name;
  std::int64_t items = 0;
  std::int64_t cut_contexts = 0;  // of pairs that are longer than the model reads
  std::int64_t every = 0;         // steps; 0: only at the end
  std::int64_t times = 0;         // in this call
  std::int64_t longest = 0;       // tokens that the model reads at once
};

// A corpus that is read, and what is held out of it.
struct PlannedCorpus {
  std::string name;  // "" for the one corpus of [data]
  std::int64_t files = 0;
  std::string place;  // the file, or the folder that holds them all
  std::int64_t held_out_documents = 0;
  std::int64_t held_out_tokens = 0;
  bool held_out_ends = false;  // of documents, of which there are too few to draw whole ones
};

// What checkpoints take of the disk.
struct DiskPlan {
  std::int64_t checkpoint_bytes = 0;  // one of them
  CheckpointCount checkpoints;        // of the run, those that are there included
  std::int64_t there = 0;             // already on the disk
  std::int64_t free_bytes = 0;

  std::int64_t bytes() const { return checkpoints.at_once * checkpoint_bytes; }
  // Still to be written, at the worst moment.
  std::int64_t bytes_to_come() const { return (checkpoints.at_once - there) * checkpoint_bytes; }
};

// The rules of plan_checks.h, in the order in which a plan shows what they find.
enum class Check {
  kStart,
  kTokenizer,
  kHeldOut,
  kDevice,
  kPrecision,
  kThreads,
  kMemory,
  kFirstCheckpoint,
  kCheckpoints,
  kWarmup,
  kRecovery,
  kSuperposedEnd,
  kUndecayedEnd,
  kEpochs,
  kTasks,
};

// kError: the run cannot work, and is not begun.
enum class Severity { kWarning, kError };

struct Finding {
  Check check = Check::kStart;
  Severity severity = Severity::kWarning;
  std::string text;  // a line: rule, numbers, what to do
};

// A number of steps is also the step at which the next thing begins.
struct Plan {
  std::string run_folder;
  std::string start;    // where it begins, in words; empty: with nothing
  std::string model;    // shape in words, such as "d 96, 4 layers, 3 heads, ffn 256"
  std::string compute;  // "f32 on cpu with avx512 kernels, 2 threads, 1 rank"
  std::vector<superposition::Phase> phases;
  std::int64_t first_step = 0;   // where this call begins: 0, or the checkpoint's
  std::int64_t total_steps = 0;  // of the schedule
  std::int64_t last_step = 0;    // where this call ends: total_steps, or an earlier stop
  std::int64_t rows_per_step = 0;
  std::int64_t sequence_length = 0;
  std::int64_t micro_batch = 0;  // rows
  std::int64_t world_size = 1;
  std::int64_t local_ranks = 1;  // on this machine
  std::int64_t threads = 1;      // of each rank
  util::Cores cores;
  bool on_cuda = false;
  bool emulates_bf16 = false;  // on a CPU that does not multiply it natively

  std::int64_t parameters = 0;
  std::int64_t active_parameters = 0;  // of one position: fewer with experts
  double flops_per_position = 0;       // forward and backward, in rows of the run's own length
  double mean_flops_per_position = 0;  // over all positions of the schedule
  double total_flops = 0;              // of the whole schedule
  double flops_left = 0;               // from first_step to last_step
  double validation_flops = 0;         // of the validations in between, forward alone
  double final_score_flops = 0;  // of the final scores; 0 where this call does not end the run
  double task_flops = 0;         // of all scores of the tasks
  double sample_flops = 0;       // of the prompts' continuations, at their longest
  std::optional<Speed> speed;    // where it was asked for

  // Learning rates are shares of the peak.
  std::int64_t warmup_steps = 0;
  std::int64_t decay_steps = 0;   // at the end; 0 unless the schedule is wsd
  double highest_rate_share = 1;  // of all steps
  double end_rate_share = 0;      // when this call ends
  double final_rate_share = 0;    // when the schedule ends
  // The last change from bags to next-token prediction: nothing in a run without.
  std::optional<std::int64_t> switch_step;
  SchedulePart switch_part = SchedulePart::kStable;
  double switch_rate_share = 1;
  std::int64_t recovery_steps = 0;  // after the switch

  corpus::CorpusRecord corpus;  // what is read, file by file, and its fingerprints

  std::int64_t raw_tokens_needed = 0;               // of this corpus, by the end of the schedule
  double raw_tokens_factor = 1;                     // what bags multiply a baseline's tokens with
  std::int64_t raw_tokens_at_hand = 0;              // training tokens of the corpus
  double epochs = 0;                                // read when this call ends
  std::optional<std::int64_t> first_epoch_ends_at;  // step in which it does or did, where it does
  bool stops_with_data = false;            // this call ends there, as data.when_exhausted says
  double held_out_share = 0;               // of the text of [data]
  std::vector<data::SourceUsage> sources;  // of a mixture; else empty
  std::vector<PlannedCorpus> corpora;      // that of [data], or those of the mixture
  bool holds_out = false;                  // one of the sets is what [data] holds out
  std::vector<PlannedSet> validation;
  std::vector<PlannedTask> tasks;
  std::int64_t prompts = 0;             // continued at each validation
  std::int64_t sample_tokens = 0;       // of a continuation, at most
  std::int64_t left_out_files = 0;      // of the sources, which hold no text
  std::int64_t left_out_documents = 0;  // of training, with the content of a validation document

  MemoryPlan memory;  // of a rank
  util::Memory machine_memory;
  DiskPlan disk;

  std::vector<std::string> start_warnings;  // of where the run begins
  // What the exported tokenizer does that training never saw, a line each.
  std::vector<std::string> untrained_tokens;
  std::vector<Finding> findings;  // check_plan
};

Plan make_plan(const RunSpec& spec, const Setup& setup, int world_size);

}  // namespace superpose::train
