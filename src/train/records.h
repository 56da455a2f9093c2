// Where a run's records go, and the header that stands before them.
#pragma once

#include "metrics/records.h"
#include "metrics/sink.h"
#include "train/plan.h"
#include "train/run.h"
#include "train/setup.h"

namespace superpose::train {

metrics::RunHeader make_header(const RunSpec& spec, const Setup& setup, const Plan& plan);

// metrics.jsonl and TensorBoard files in the run folder, and the console, where the spec wants one.
// Header, warnings of the plan and where the run continues from are written already; the console
// shows none of these, as the plan was printed. Rank 0 alone calls it.
metrics::SinkList open_sinks(const RunSpec& spec, const Setup& setup, const Plan& plan);

// What the folder's metrics.jsonl says of the model after a step.
struct RecordedScores {
  bool has_validation = false;
  std::vector<std::string> tasks;  // names of those that have scores
};
RecordedScores recorded_scores(const std::filesystem::path& run_folder, std::int64_t step);

// Whether the folder's metrics.jsonl ends with a summary.
bool has_summary(const std::filesystem::path& run_folder);

}  // namespace superpose::train
