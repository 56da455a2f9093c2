// What a run is going to do, in numbers, before its first step.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "superposition/phases.h"

namespace superpose::train {

// The stretch of the learning-rate schedule that a step lies in.
enum class SchedulePart { kWarmup, kStable, kDecay };

// "Steps" are counted from step 0 of the schedule; a number of steps is also the step at which the
// next thing begins.
struct Plan {
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

  // The last change to next-token prediction: nothing in a run without bags.
  std::optional<std::int64_t> switch_step;
  SchedulePart switch_part = SchedulePart::kStable;
  std::int64_t recovery_steps = 0;  // after the switch

  std::int64_t raw_tokens_needed = 0;   // by the whole schedule, from step 0
  std::int64_t raw_tokens_at_hand = 0;  // training tokens of the corpus
  double epochs = 0;                    // needed / at hand
  std::optional<std::int64_t>
      first_epoch_ends_at;    // step in which it ends, where the run gets there
  double held_out_share = 0;  // of the documents' bytes

  std::int64_t memory_bytes = 0;      // estimate: parameters, gradients, optimizer, activations
  std::int64_t checkpoint_bytes = 0;  // one checkpoint
  std::int64_t disk_bytes = 0;        // all that the run keeps at once
  std::int64_t free_disk_bytes = 0;

  std::vector<std::string> warnings;  // a line each
};

// The plan as the lines that `train` and `compare` print before the first step, and --dry-run
// prints alone.
void print_plan(std::ostream& out, const Plan& plan);

}  // namespace superpose::train
