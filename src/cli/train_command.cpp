#include <iostream>
#include <sstream>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/help.h"
#include "cli/machine.h"
#include "cli/overrides.h"
#include "cli/paths.h"
#include "cli/recipe_file.h"
#include "config/config.h"
#include "distributed/collective.h"
#include "distributed/planned_ranks.h"
#include "distributed/rendezvous.h"
#include "train/plan_text.h"
#include "train/run.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::cli {
namespace {

int print_plan_of_ranks(train::RunSpec spec, std::int64_t ranks) {
  spec.machine.processes = ranks;
  distributed::PlannedRanks collective(ranks);
  train::check_run_folder(spec);
  const train::Plan plan = train::plan_run(spec, collective);
  train::print_plan(std::cout, plan);
  train::check_impossible(plan, collective);
  return kDone;
}

// One line for the end of a run, with what to do next.
void print_end(const train::RunResult& result, const train::RunConfig& config) {
  switch (result.status) {
    case train::RunStatus::kStoppedBySignal:
      std::cout << "Stopped on a signal after step " << result.step << "; checkpoint "
                << result.checkpoint.string() << ". The same command resumes from there.\n";
      return;
    case train::RunStatus::kDataUsedUp:
      std::cout << "The data is used up (data.when_exhausted = stop): ended after step "
                << util::with_commas(result.step) << " of " << util::with_commas(config.train.steps)
                << "; model " << result.checkpoint.string() << '\n';
      return;
    case train::RunStatus::kFinished:
    case train::RunStatus::kReachedStop:
      std::cout << (result.steps_done_now == 0 ? "Nothing left to do: " : "Done: ") << result.step
                << " steps; model " << result.checkpoint.string()
                << " (opens in AutoModelForCausalLM.from_pretrained)\n";
      return;
  }
}

}  // namespace

int train_command(const TrainOptions& options) {
  const experiment::Recipe recipe = load_recipe(options.recipe, options.overrides);
  const auto rendezvous = distributed::rendezvous_from_environment();
  const std::unique_ptr<distributed::Collective> collective =
      distributed::make_collective(rendezvous);
  const bool is_first = collective->rank() == 0;

  train::RunSpec spec;
  spec.config = recipe.base;
  spec.settings = config::settings(recipe.base);
  spec.recipe_toml = config::to_toml(locate_sources(recipe).base);
  if (options.from) spec.start_from = *options.from;
  spec.recipe_file = options.recipe;
  spec.overwrite = options.overwrite;
  spec.may_start_stage = true;
  spec.machine = describe_machine(rendezvous);
  spec.labels.command = command_line("train", options.recipe, options.overrides);
  if (options.from) spec.labels.command += " --from '" + *options.from + "'";
  if (is_first) spec.console = &std::cout;
  spec.console_columns = terminal_columns();

  if (options.ranks) {
    util::require(!rendezvous, "--ranks: plans for ranks that do not run; here ",
                  collective->world_size(), " do");
    return print_plan_of_ranks(spec, *options.ranks);
  }
  if (options.dry_run) {
    if (is_first) train::check_run_folder(spec);
    const train::Plan plan = train::plan_run(spec, *collective, train::Timing::kMeasured);
    if (is_first) train::print_plan(std::cout, plan);
    train::check_impossible(plan, *collective);
    return kDone;
  }
  const train::RunResult result = train::run(spec, *collective);
  if (is_first) print_end(result, spec.config);
  return result.status == train::RunStatus::kStoppedBySignal ? kStoppedBySignal : kDone;
}

int print_recipe_command() {
  std::cout << config::describe(experiment::Recipe{})
            << "\n# Models, as model.preset names them:\n";
  std::istringstream table(preset_table());
  for (std::string line; std::getline(table, line);) std::cout << "#   " << line << '\n';
  return kDone;
}

}  // namespace superpose::cli
