// The list of runs that `compare` prints before it begins, and with --dry-run alone.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <vector>

#include "experiment/estimate.h"
#include "experiment/progress.h"
#include "experiment/run_list.h"

namespace superpose::experiment {

// What a run of an arm costs; from train::plan_run.
struct ArmCosts {
  double flops_per_position = 0;
  std::int64_t checkpoint_bytes = 0;
  std::int64_t raw_tokens_at_hand = 0;
};

// Everything that the list is made from; by reference, for the time of a call.
struct Listing {
  std::span<const Arm> arms;
  std::span<const ArmCosts> costs;  // by arm
  const std::vector<PlannedRun>& runs;
  const ProgressMap& progress;
  const TimeEstimate& estimate;
  std::int64_t free_disk_bytes = 0;
};

// What a run's checkpoints take, those pinned for branches included.
struct RunDisk {
  std::int64_t kept = 0;     // bytes, when it has ended
  std::int64_t at_once = 0;  // bytes, the most at any moment
};
RunDisk run_disk(const PlannedRun& run, const Arm& arm, const ArmCosts& costs);

// Bytes that the runs still write and keep, and the checkpoint being written. Runs go one by one.
std::int64_t disk_bytes_to_come(const Listing& listing);

// FLOPs of what a run does by itself, and of what is left of that.
double run_flops(const PlannedRun& run, const Arm& arm, const ArmCosts& costs);
double flops_left(const PlannedRun& run, const Arm& arm, const ArmCosts& costs,
                  const ProgressMap& progress);

// Seconds for what is left of all runs; nothing where no speed is known.
std::optional<double> seconds_left(const Listing& listing);

// One line per run, below the run that it branches from and indented: trunk or branch, steps,
// FLOPs, raw tokens, disk, time, state. Then the totals, what the shared steps save, and remarks:
// arms of other FLOPs per position, a corpus that is read more than once, a disk that is too small.
void print_listing(std::ostream& out, const Listing& listing);

// The shorter lengths that compare.noise has figures for, and how long they would take: for someone
// to whom the whole is too long. Nothing where a run has begun or no speed is known.
void print_shorter_runs(std::ostream& out, const Listing& listing, const CompareConfig& compare);

}  // namespace superpose::experiment
