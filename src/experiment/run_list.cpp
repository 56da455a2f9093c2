#include "experiment/run_list.h"

#include <algorithm>
#include <cmath>

#include "experiment/prefix_tree.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::experiment {
namespace {

// Keeps floor(0.7 * 10) at 7: shares are decimal fractions, which binary ones miss by a little.
constexpr double kRounding = 1e-9;

std::string number(double value) {
  std::string text = util::format_double(value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

// "tst-seed-1", "tst-seed-1-rate-0.004-budget-0.4": flat, so that no run lies in another's folder.
std::string folder_name(const PlannedRun& run, const std::string& arm, bool has_grid) {
  std::string name = arm + "-seed-" + std::to_string(run.seed);
  if (has_grid) name += "-rate-" + (run.learning_rate ? number(*run.learning_rate) : "best");
  if (run.budget != 1.0) name += "-budget-" + number(run.budget);
  return name;
}

PlannedRun base_run(std::size_t arm_index, const Arm& arm, double budget) {
  PlannedRun run;
  run.arm = arm_index;
  run.budget = budget;
  run.total_steps = steps_of_budget(arm.config.train.steps, budget);
  util::require(run.total_steps > 0, "compare.budgets: arm ", arm.name, ": budget ", budget, " of ",
                arm.config.train.steps, " steps is less than one step");
  try {
    run.phases = superposition::make_phases(arm.config.phases, run.total_steps);
  } catch (const util::Error& error) {
    util::fail("compare.arms.", arm.name, ", budget ", budget, ": ", error.what());
  }
  return run;
}

// One arm on one seed: all its budgets, the largest first.
std::vector<PlannedRun> results_of(std::size_t arm_index, const Arm& arm, std::int64_t seed,
                                   std::optional<double> rate, bool has_grid) {
  std::vector<PlannedRun> runs;
  for (auto budget = arm.budgets.rbegin(); budget != arm.budgets.rend(); ++budget) {
    PlannedRun run = base_run(arm_index, arm, *budget);
    run.seed = seed;
    run.learning_rate = rate;
    run.folder = folder_name(run, arm.name, has_grid);
    runs.push_back(std::move(run));
  }
  return runs;
}

std::vector<PlannedRun> grid_of(std::size_t arm_index, const Arm& arm,
                                const CompareConfig& compare) {
  std::vector<double> rates = compare.learning_rates;
  std::sort(rates.begin(), rates.end());
  std::vector<PlannedRun> runs;
  for (const double rate : rates) {
    PlannedRun run = base_run(arm_index, arm, 1.0);
    run.role = report::Role::kTuning;
    run.seed = compare.tuning_seed;
    run.learning_rate = rate;
    run.folder = folder_name(run, arm.name, true);
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace

std::int64_t steps_of_budget(std::int64_t steps, double budget) {
  return static_cast<std::int64_t>(std::floor(budget * static_cast<double>(steps) + kRounding));
}

std::vector<PlannedRun> plan_runs(std::span<const Arm> arms, const CompareConfig& compare,
                                  const BestRates& best_rates) {
  const bool has_grid = !compare.learning_rates.empty();
  std::vector<PlannedRun> runs;
  const auto append = [&runs](std::vector<PlannedRun> more) {
    for (PlannedRun& run : more) runs.push_back(std::move(run));
  };
  for (std::size_t i = 0; i < arms.size(); ++i) append(grid_of(i, arms[i], compare));
  for (const std::int64_t seed : compare.seeds) {
    for (std::size_t i = 0; i < arms.size(); ++i) {
      const auto own = std::optional<double>(arms[i].config.optim.learning_rate);
      const auto tuned = i < best_rates.size() ? best_rates[i] : std::nullopt;
      append(results_of(i, arms[i], seed, has_grid ? tuned : own, has_grid));
    }
  }
  choose_parents(
      runs, arms, [](const PlannedRun&) { return false; },
      [](const PlannedRun&, std::int64_t step) { return step; });
  return runs;
}

Workload workload(const PlannedRun& run, const train::RunConfig& config) {
  const superposition::StepSize size = config.train.step_size();
  const auto since_parent = [&](const auto& before) {
    return before(run.phases, run.total_steps, size) - before(run.phases, run.first_step, size);
  };
  return {since_parent(superposition::positions_before),
          since_parent(superposition::raw_tokens_before)};
}

train::RunConfig run_config(const PlannedRun& run, const Arm& arm,
                            const std::string& compare_folder) {
  util::require(run.learning_rate.has_value(), "run_config: the learning rate of ", run.folder,
                " is not known yet");
  train::RunConfig config = arm.config;
  config.train.seed = run.seed;
  config.train.steps = run.total_steps;
  config.optim.learning_rate = *run.learning_rate;
  config.run.dir = compare_folder + "/" + run.folder;
  return config;
}

}  // namespace superpose::experiment
