// What a run is going to do, in numbers, before its first step.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "data/readings.h"
#include "superposition/phases.h"
#include "train/memory.h"

namespace superpose::train {

struct RunSpec;
struct Setup;

// The stretch of the learning-rate schedule that a step lies in. A cosine has no stable part: all
// of it after the warm-up is kDecay.
enum class SchedulePart { kWarmup, kStable, kDecay };

// Fewest steps after the switch in which superposition is known to catch up (the paper's figures
// and small-scale runs agree on one to two thousand).
inline constexpr std::int64_t kRecoverySteps = 1000;

// A validation set and how much of it is scored.
struct PlannedSet {
  std::string name;
  std::int64_t documents = 0;
  std::int64_t tokens = 0;
  std::int64_t windows = 0;
  bool has_both_halves = false;  // a window in each
};

// A number of steps is also the step at which the next thing begins.
struct Plan {
  std::string run_folder;
  std::string model;    // shape in words, such as "d 96, 4 layers, 3 heads, ffn 256"
  std::string compute;  // "f32 on cpu with avx512 kernels, 2 threads, 1 rank"
  std::vector<superposition::Phase> phases;
  std::int64_t first_step = 0;   // where this call begins: 0, or the checkpoint's
  std::int64_t total_steps = 0;  // of the schedule
  std::int64_t last_step = 0;    // where this call ends: total_steps, or an earlier stop
  std::int64_t rows_per_step = 0;
  std::int64_t sequence_length = 0;
  std::int64_t micro_batch = 0;  // rows
  int world_size = 1;

  std::int64_t parameters = 0;
  double flops_per_position = 0;  // forward and backward

  std::int64_t warmup_steps = 0;
  std::int64_t decay_steps = 0;  // at the end; 0 unless the schedule is wsd
  // The last change from bags to next-token prediction: nothing in a run without.
  std::optional<std::int64_t> switch_step;
  SchedulePart switch_part = SchedulePart::kStable;
  double switch_rate_share = 1;     // learning rate there / peak
  std::int64_t recovery_steps = 0;  // after the switch

  std::int64_t raw_tokens_needed = 0;               // by the whole schedule, from step 0
  double raw_tokens_factor = 1;                     // what bags multiply a baseline's tokens with
  std::int64_t raw_tokens_at_hand = 0;              // training tokens of the corpus
  double epochs = 0;                                // read when this call ends
  std::optional<std::int64_t> first_epoch_ends_at;  // step in which it does, where it does
  bool stops_with_data = false;              // this call ends there, as data.when_exhausted says
  double held_out_share = 0;                 // of the text of [data]
  std::vector<data::SourceReading> sources;  // of a mixture; else empty
  std::vector<PlannedSet> validation;
  std::int64_t left_out_files = 0;      // of the sources, which hold no text
  std::int64_t left_out_documents = 0;  // of training, with the content of a validation document

  MemoryPlan memory;                  // of a rank
  std::int64_t checkpoint_bytes = 0;  // one checkpoint
  std::int64_t disk_bytes = 0;        // all that the run keeps at once
  std::int64_t free_disk_bytes = 0;

  std::vector<std::string> warnings;  // a line each
};

Plan make_plan(const RunSpec& spec, const Setup& setup, int world_size);

// The plan as the lines that are printed before the first step, warnings last.
void print_plan(std::ostream& out, const Plan& plan);

}  // namespace superpose::train
