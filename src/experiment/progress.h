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

namespace superpose::experiment {

struct RunProgress {
  bool begun = false;     // has records
  bool finished = false;  // its last step is done, checkpoint and summary are written
  bool diverged = false;  // its last record is an error: its loss was not finite
  std::int64_t step = 0;  // steps finished, from step 0 of the schedule, as recorded
  std::int64_t positions = 0;
  double seconds = 0;  // for `positions`; evaluation and checkpoints included once finished
  std::int64_t checkpoints = 0;       // on the disk
  std::optional<double> loss_half_a;  // of the last validation
  std::string recipe_fingerprint;     // of the comparison that it was run for
};

// A folder without records has not begun. Throws util::Error for records that cannot be read.
RunProgress read_progress(const std::filesystem::path& run_folder, std::int64_t total_steps);

// The runs' progress by folder name.
using ProgressMap = std::map<std::string, RunProgress>;

// Of each arm, the rate of the grid with the lowest loss on half A, once all points are finished or
// diverged. Throws util::Error where all of them diverged.
BestRates choose_rates(const std::vector<PlannedRun>& runs, const ProgressMap& progress,
                       std::span<const Arm> arms);

}  // namespace superpose::experiment
