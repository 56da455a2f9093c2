#include "train/run.h"

#include <memory>
#include <ostream>

#include "metrics/sink.h"
#include "model/initialize.h"
#include "train/checkpoints.h"
#include "train/learner.h"
#include "train/loop.h"
#include "train/plan_checks.h"
#include "train/plan_text.h"
#include "train/records.h"
#include "train/run_files.h"
#include "train/run_folder.h"
#include "train/setup.h"
#include "util/error.h"
#include "util/stop_signal.h"

namespace superpose::train {
namespace {

void fill(Learner& learner, const RunConfig& config, const Setup& setup,
          distributed::Collective& collective) {
  const Start& start = setup.start;
  if (start.kind != Start::Kind::kFresh) {
    load_checkpoint(start.checkpoint, learner, start.state, collective);
  } else if (setup.initial) {
    load_initial_weights(*setup.initial, setup.model, learner.parameters, collective);
  } else {
    model::initialize(learner.parameters, setup.model,
                      static_cast<std::uint64_t>(config.train.seed));
  }
}

// A resumed run with all steps done. A process killed right after its last checkpoint leaves the
// records without their end; then the loop is entered to write it.
bool is_complete(const RunSpec& spec, const Setup& setup, distributed::Collective& collective) {
  if (setup.start.kind != Start::Kind::kResume || setup.start.state.step < setup.last_step) {
    return false;
  }
  // A trunk that stops on its way has no summary.
  const bool is_trunk = end_status(spec, setup) == RunStatus::kReachedStop;
  std::string answer;
  if (collective.rank() == 0) {
    answer = is_trunk || has_summary(spec.config.run.dir) ? "yes" : "no";
  }
  return collective.broadcast_text(answer, 0) == "yes";
}

void show(const Plan& plan, const RunSpec& spec) {
  if (spec.console == nullptr) return;
  if (spec.console_detail == metrics::ConsoleDetail::kFull) {
    print_plan(*spec.console, plan);
    return;
  }
  for (const std::string& warning : plan.start_warnings) {
    *spec.console << "warning: " << warning << std::endl;
  }
}

RunResult nothing_to_do(const RunSpec& spec, const Setup& setup) {
  RunResult result;
  result.status = end_status(spec, setup);
  result.step = setup.start.state.step;
  result.checkpoint = setup.start.checkpoint;
  return result;
}

}  // namespace

RunResult run(const RunSpec& spec, distributed::Collective& collective) {
  const bool leads = collective.rank() == 0;
  const ThreadScope threads(thread_count(spec.config.train, spec.machine.processes));
  std::unique_ptr<RunFolder> folder;
  if (leads) {
    check_run_folder(spec);
    folder = std::make_unique<RunFolder>(spec.config.run.dir);
  }

  const Setup setup = set_up(spec, collective);
  const Plan plan = make_plan(spec, setup, collective.world_size());
  if (leads) show(plan, spec);
  if (is_complete(spec, setup, collective)) return nothing_to_do(spec, setup);
  check_impossible(plan, collective);

  Learner learner(setup.model, spec.config.optim, setup.precision, setup.device,
                  decoder_options(spec.config));
  fill(learner, spec.config, setup, collective);
  metrics::SinkList sinks;
  if (leads) {
    write_recipe(spec);
    sinks = open_sinks(spec, setup, plan);
  }
  const util::StopSignal signal;
  return TrainingLoop({spec, setup, learner, sinks, collective, signal, end_remarks(plan)}).run();
}

Plan plan_run(const RunSpec& spec, distributed::Collective& collective, Timing timing) {
  const ThreadScope threads(thread_count(spec.config.train, spec.machine.processes));
  const Setup setup = set_up(spec, collective);
  Plan plan = make_plan(spec, setup, collective.world_size());
  if (timing == Timing::kMeasured) plan.speed = measure_speed(spec, setup, plan, collective);
  return plan;
}

void check_impossible(const Plan& plan, distributed::Collective& collective) {
  const std::string errors = collective.broadcast_text(errors_of(plan.findings), 0);
  if (!errors.empty()) util::fail(errors);
}

}  // namespace superpose::train
