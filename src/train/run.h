// One training run, from a resolved recipe to a trained model folder: plan, build, resume, loop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "distributed/collective.h"
#include "metrics/records.h"
#include "train/plan.h"
#include "train/run_config.h"
#include "util/setting.h"

namespace superpose::train {

// Everything that a run is told. `settings` and `recipe_toml` are the resolved recipe in the two forms that the run
// folder keeps; the caller makes them from the same recipe as `config`.
struct RunSpec {
  RunConfig config;
  std::vector<util::Setting> settings;  // config::settings(config): compared at resume
  std::string recipe_toml;              // config::to_toml(recipe): written to <run.dir>/recipe.toml
  // A checkpoint folder of another run: weights, optimizer state, place in the data and step counter come from it, under
  // this recipe's phases and steps (both count from the other run's step 0). Ignored once the run has own checkpoints.
  std::optional<std::filesystem::path> start_from;
  // Stops after this many steps (of the run's schedule, counted from 0), as a trunk that others branch from does.
  std::optional<std::int64_t> stop_after_step;
  // A checkpoint is written after each of these numbers of finished steps and never pruned by this run.
  std::vector<std::int64_t> pinned_checkpoint_steps;
  std::string arm;                 // names in the header of metrics.jsonl; free text
  std::ostream* console = nullptr; // plan, status line, warnings; nullptr = silent. Rank 0 alone writes
  bool console_is_terminal = false;
};

enum class RunStatus {
  kFinished,         // all steps done
  kReachedStop,      // RunSpec::stop_after_step
  kDataUsedUp,       // data.when_exhausted = stop, and the first epoch is over
  kStoppedBySignal,  // SIGTERM or SIGINT: the step was finished and a checkpoint written
};

struct RunResult {
  RunStatus status = RunStatus::kFinished;
  std::int64_t step = 0;             // finished steps, counted from step 0 of the schedule
  std::int64_t steps_done_now = 0;   // by this call; 0 when there was nothing left to do
  std::filesystem::path checkpoint;  // the one that holds `step`
  std::optional<metrics::ValidationRecord> validation;  // the last one, where this call made one
  int signal = 0;                    // with kStoppedBySignal
};

// Runs, or goes on with, the run in spec.config.run.dir. Every rank of `collective` calls it with the same spec.
// Throws util::Error (one line) for anything wrong with recipe, corpus, folder, checkpoint or the numbers themselves (a
// loss that is not finite stops before weights change).
RunResult run(const RunSpec& spec, distributed::Collective& collective);

// Prepares the corpus and says what run() would do, training nothing and writing nothing into the run folder.
Plan plan_run(const RunSpec& spec, distributed::Collective& collective);

}  // namespace superpose::train
