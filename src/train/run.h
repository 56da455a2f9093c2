// One training run, from a resolved recipe to a trained model folder: plan, build, resume, loop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "distributed/collective.h"
#include "metrics/console_sink.h"
#include "metrics/records.h"
#include "train/environment.h"
#include "train/plan.h"
#include "train/run_config.h"
#include "util/output_folder.h"
#include "util/setting.h"

namespace superpose::train {

// How a run is called in its records (metrics::RunHeader has the meaning of each).
struct RunLabels {
  std::string run_name;  // empty: the folder's name
  std::string arm;
  double budget = 1;
  std::string recipe_fingerprint;  // empty: hash of the settings without operational keys and seed
  std::string command;
};

// What one finished step did, for whoever watches a run from inside the process.
struct StepReport {
  std::int64_t step = 0;  // finished steps
  double loss = 0;
  double gradient_norm = 0;
  std::uint64_t ids_hash = 0;  // of all raw ids consumed since step 0, all ranks
};

// Everything that a run is told. `settings` and `recipe_toml` are the resolved recipe in the two
// forms that the run folder keeps; the caller makes them from the same recipe as `config`.
struct RunSpec {
  RunConfig config;
  std::vector<util::Setting> settings;  // config::settings(config): compared at resume
  std::string recipe_toml;              // config::to_toml(recipe): <run.dir>/recipe.toml
  // A checkpoint of another run, or that run's folder: weights and optimizer state come from it. Of
  // the same corpus, so do the position in the data and the step counter, under this recipe's
  // phases and steps (both count from the other run's step 0). Ignored once the run has checkpoints
  // of its own.
  std::optional<std::filesystem::path> start_from;
  // Whether start_from may be of another corpus: a new stage, whose corpus is read from its start
  // and whose steps count as train.continue_schedule says.
  bool may_start_stage = false;
  // Stops after this many steps (of the schedule, from 0), as a trunk that others branch from does.
  std::optional<std::int64_t> stop_after_step;
  // A checkpoint is written after each of these numbers of finished steps and pinned.
  std::vector<std::int64_t> pinned_checkpoint_steps;
  RunLabels labels;
  Machine machine;                    // what the caller knows of the machine
  std::ostream* console = nullptr;    // plan, status line, warnings; nullptr = silent. Rank 0 alone
  int console_columns = 0;            // of the terminal that `console` is; 0 = none: plain lines
  std::filesystem::path recipe_file;  // that the recipe was read from: never replaced; may be empty
  util::Overwrite overwrite = util::Overwrite::kOwn;  // checkpoints are not replaced by either
  // kBrief: of the plan only what was found where this run begins, for callers that showed the
  // rest.
  metrics::ConsoleDetail console_detail = metrics::ConsoleDetail::kFull;
  std::function<void(const StepReport&)> on_step;  // every rank; may be empty
};

enum class RunStatus {
  kFinished,         // all steps done
  kReachedStop,      // RunSpec::stop_after_step
  kDataUsedUp,       // data.when_exhausted = stop, and the first epoch is over
  kStoppedBySignal,  // the step was finished and a checkpoint written
};

struct RunResult {
  RunStatus status = RunStatus::kFinished;
  std::int64_t step = 0;             // finished steps, from step 0 of the schedule
  std::int64_t steps_done_now = 0;   // by this call; 0 when there was nothing left to do
  std::filesystem::path checkpoint;  // the one that holds `step`
  std::optional<metrics::ValidationRecord> validation;  // the last one, where this call made one
  // Some rank was told to stop, be it in the very last step: whoever has more to run should not.
  // Equal on every rank; always true with kStoppedBySignal.
  bool stop_requested = false;
  int signal = 0;  // that this rank got; 0 where another rank got it
};

// Starts or resumes the run in spec.config.run.dir. Every rank of `collective` calls it with the
// same spec. Throws util::Error (one line) for anything wrong with recipe, corpus, folder,
// checkpoint or the numbers themselves (a loss that is not finite stops before weights change), and
// before the first step for a plan with an error (check_impossible). Catches util::kStopSignals
// while it runs; at most one run of a process at a time.
RunResult run(const RunSpec& spec, distributed::Collective& collective);

// Throws util::Error where run() would replace what is not this run's: a file that the user wrote
// or changed, or the records of a run whose checkpoints are not there. Reads the run folder alone,
// and writes nothing. run() calls it before anything else. One rank calls it.
void check_run_folder(const RunSpec& spec);

// Whether a plan says how fast steps are here (measure_speed).
enum class Timing { kNone, kMeasured };

// Prepares the corpus and says what run() would do, keeping nothing of what it trains for kMeasured
// and writing nothing into the run folder. Every rank calls it.
Plan plan_run(const RunSpec& spec, distributed::Collective& collective,
              Timing timing = Timing::kNone);

// Throws util::Error on every rank where rank 0's plan has an error.
void check_impossible(const Plan& plan, distributed::Collective& collective);

}  // namespace superpose::train
