// The runs of a comparison: arms x seeds, the learning-rate grid, trunks and branches of the budget
// curve. Pure planning: from numbers to a list, nothing is read or run.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiment/recipe.h"
#include "report/experiment.h"
#include "superposition/phases.h"

namespace superpose::experiment {

// One run. Steps count from step 0 of the schedule; a run with a parent begins at first_step with
// the parent's checkpoint (experiment/prefix_tree.h).
struct PlannedRun {
  std::size_t arm = 0;  // index in the list of arms
  std::int64_t seed = 0;
  std::optional<double> learning_rate;  // nothing: waits for the grid of its arm
  double budget = 1;
  report::Role role = report::Role::kFinal;
  std::string folder;  // name inside the comparison's folder
  std::string parent;  // folder of the run that it branches from; empty: it begins at step 0
  std::int64_t first_step = 0;
  std::int64_t total_steps = 0;
  std::vector<std::int64_t> pinned_steps;  // ascending: where branches leave this run
  std::vector<superposition::Phase> phases;

  std::int64_t steps() const { return total_steps - first_step; }
};

// floor(budget * steps).
std::int64_t steps_of_budget(std::int64_t steps, double budget);

// The best learning rate of each arm, as far as known; empty where there is no grid.
using BestRates = std::vector<std::optional<double>>;

// All runs in the order in which they are done: the grid of each arm, then seed by seed every arm,
// its largest budget first. Each branches from the run before it that it shares the most steps
// with, as if none had begun. Throws util::Error: duplicate or missing arms; a budget of no step,
// or one that the phases do not fit.
std::vector<PlannedRun> plan_runs(std::span<const Arm> arms, const CompareConfig& compare,
                                  const BestRates& best_rates);

// What one run does by itself; what a branch takes over is not counted again.
struct Workload {
  std::int64_t positions = 0;
  std::int64_t raw_tokens = 0;
};
Workload workload(const PlannedRun& run, const train::RunConfig& config);

// The recipe of one run: the arm's with seed, rate, steps and folder in place. The rate must be
// known.
train::RunConfig run_config(const PlannedRun& run, const Arm& arm,
                            const std::string& compare_folder);

}  // namespace superpose::experiment
