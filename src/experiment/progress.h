// How far the runs of a comparison are, read from their folders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiment/run_list.h"
#include "metrics/records.h"

namespace superpose::experiment {

struct RunProgress {
  bool begun = false;     // has records
  bool finished = false;  // its last step is done, checkpoint and summary are written
  bool diverged = false;  // its last record is an error: its loss was not finite
  std::int64_t step = 0;  // steps finished, from step 0 of the schedule, as recorded
  std::int64_t positions = 0;
  double seconds = 0;  // for `positions`; evaluation and checkpoints included once finished
  std::vector<std::int64_t> checkpoints;  // steps of those on the disk, ascending
  std::optional<double> loss_half_a;      // of the last validation
  std::string parent;                  // folder name of the run that it branched from; empty: none
  std::int64_t parent_step = 0;        // where it branched
  metrics::Fingerprints fingerprints;  // the recipe's is that of the comparison it was run for
};

// Steps of the checkpoints in a run's folder, ascending.
std::vector<std::int64_t> checkpoint_steps(const std::filesystem::path& run_folder);

// A folder without records has not begun. Throws util::Error for records that cannot be read.
RunProgress read_progress(const std::filesystem::path& run_folder, std::int64_t total_steps);

// Whether there is nothing left to do: a point of the grid that diverged has given its answer; a
// result that did is tried again.
bool is_done(const PlannedRun& run, const RunProgress& progress);

// The last step, at most `step`, whose checkpoint a run has, or will pass again or for the first
// time; 0 where there is none. Nothing branches from a result that diverged.
std::int64_t usable_step(const PlannedRun& run, const RunProgress& progress, std::int64_t step);

// The runs' progress by folder name.
using ProgressMap = std::map<std::string, RunProgress>;

// Of each arm, the rate of the grid with the lowest loss on half A, once all points are finished or
// diverged. Throws util::Error where all of them diverged.
BestRates choose_rates(const std::vector<PlannedRun>& runs, const ProgressMap& progress,
                       std::span<const Arm> arms);

}  // namespace superpose::experiment
