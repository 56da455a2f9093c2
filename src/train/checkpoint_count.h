// How many checkpoints of a run lie on the disk.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "superposition/phases.h"
#include "train/run_config.h"

namespace superpose::train {

struct CheckpointCount {
  std::int64_t kept = 0;     // when the run ends
  std::int64_t at_once = 0;  // the most at any moment, the one being written included
};

// Of the steps (first, last]. As the training loop has it: one after the last step, after every
// checkpoint.every steps, after each change of phase where checkpoint.at_switch is set, and after
// each of `pinned`, which may be `first` too; the newest checkpoint.keep and those that are pinned
// stay. `there` are on the disk before, none of them pinned.
CheckpointCount count_checkpoints(const CheckpointConfig& config,
                                  std::span<const superposition::Phase> phases, std::int64_t first,
                                  std::int64_t last, std::span<const std::int64_t> pinned,
                                  std::int64_t there = 0);

}  // namespace superpose::train
