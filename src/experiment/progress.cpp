#include "experiment/progress.h"

#include <algorithm>

#include "checkpoint/checkpoint.h"
#include "metrics/reader.h"
#include "train/run_folder.h"
#include "util/error.h"

namespace superpose::experiment {

std::vector<std::int64_t> checkpoint_steps(const std::filesystem::path& run_folder) {
  std::vector<std::int64_t> steps;
  for (const auto& folder : checkpoint::list(train::checkpoints_folder(run_folder))) {
    steps.push_back(checkpoint::step_of(folder));
  }
  return steps;
}

RunProgress read_progress(const std::filesystem::path& run_folder, std::int64_t total_steps) {
  RunProgress progress;
  const std::filesystem::path records_file = train::metrics_file(run_folder);
  // What is not a run's is refused, or replaced, where the run begins (train::check_run_folder).
  if (metrics::find_records(records_file) != metrics::FoundRecords::kSome) return progress;
  const metrics::RunRecords records = metrics::read_json_lines(records_file);
  progress.begun = true;
  progress.checkpoints = checkpoint_steps(run_folder);
  if (!records.header.parents.empty()) {
    // <run>/checkpoints/<step>
    const metrics::ParentInfo& parent = records.header.parents.back();
    const std::filesystem::path checkpoint = parent.folder;
    progress.parent = checkpoint.parent_path().parent_path().filename();
    progress.parent_step = parent.first_step;
  }
  progress.fingerprints = records.header.fingerprints;
  // The trainer's only error record: loss or gradient not finite (train/step.h).
  progress.diverged =
      !records.events.empty() && records.events.back().kind == metrics::EventKind::kError;
  if (!records.steps.empty()) {
    progress.step = records.steps.back().step;
    progress.positions = records.steps.back().positions;
    progress.seconds = records.steps.back().seconds;
  }
  if (!records.validations.empty()) {
    progress.loss_half_a = records.validations.back().loss_half_a;
  }
  if (records.summary) {
    const metrics::SummaryRecord& summary = *records.summary;
    progress.step = summary.step;
    progress.positions = summary.positions;
    progress.seconds = summary.seconds + summary.evaluation_seconds + summary.checkpoint_seconds;
    progress.finished = summary.step == total_steps;
  }
  return progress;
}

bool is_done(const PlannedRun& run, const RunProgress& progress) {
  return progress.finished || (progress.diverged && run.role == report::Role::kTuning);
}

std::int64_t usable_step(const PlannedRun& run, const RunProgress& progress, std::int64_t step) {
  // Tried again, it stops the comparison where it stopped before.
  if (progress.diverged && !is_done(run, progress)) return 0;
  const std::vector<std::int64_t>& there = progress.checkpoints;
  // It resumes from its newest checkpoint.
  const bool passes = there.empty() || there.back() <= step;
  if (!is_done(run, progress) && passes) return step;
  const auto after = std::upper_bound(there.begin(), there.end(), step);
  return after == there.begin() ? 0 : *(after - 1);
}

BestRates choose_rates(const std::vector<PlannedRun>& runs, const ProgressMap& progress,
                       std::span<const Arm> arms) {
  BestRates best(arms.size());
  std::vector<double> best_loss(arms.size(), 0.0);
  std::vector<bool> is_complete(arms.size(), true);
  std::vector<bool> has_grid(arms.size(), false);
  for (const PlannedRun& run : runs) {
    if (run.role != report::Role::kTuning) continue;
    has_grid[run.arm] = true;
    const auto found = progress.find(run.folder);
    const RunProgress state = found == progress.end() ? RunProgress{} : found->second;
    if (state.diverged) continue;
    if (!state.finished) {
      is_complete[run.arm] = false;
      continue;
    }
    util::require(state.loss_half_a.has_value(), run.folder,
                  ": its last validation has no loss of half A, by which the rate is chosen");
    if (!best[run.arm] || *state.loss_half_a < best_loss[run.arm]) {
      best[run.arm] = run.learning_rate;
      best_loss[run.arm] = *state.loss_half_a;
    }
  }
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (!is_complete[i]) best[i].reset();
    util::require(!has_grid[i] || !is_complete[i] || best[i].has_value(),
                  "compare.learning_rates: arm ", arms[i].name,
                  ": no rate of the grid gave a finite loss");
  }
  return best;
}

}  // namespace superpose::experiment
