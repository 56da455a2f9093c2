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

// One run. Steps count from step 0 of the schedule; a branch begins at first_step with the trunk's
// checkpoint.
//
// The run of an arm's largest budget is the trunk of the smaller ones: up to the point where a
// smaller budget leaves it (the end of the first phase or the start of the decay, whichever comes
// first) all budgets do the same steps. So the trunk is a result as well, and a branch is
// bit-identical to a run launched directly at its budget.
struct PlannedRun {
  std::size_t arm = 0;  // place in the list of arms
  std::int64_t seed = 0;
  std::optional<double> learning_rate;  // nothing: waits for the grid of its arm
  double budget = 1;
  report::Role role = report::Role::kFinal;
  std::string folder;  // name inside the comparison's folder
  std::string parent;  // branch: folder of its trunk
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
// a trunk before its branches. Throws util::Error: duplicate or missing arms; budgets that need
// another schedule than wsd, that switch within the decay (r > 1 - d) or that branch before the
// warm-up is over.
std::vector<PlannedRun> plan_runs(std::span<const Arm> arms, const CompareConfig& compare,
                                  const BestRates& best_rates);

// Sets the pinned steps of every run to where the others branch from it.
void pin_branch_points(std::vector<PlannedRun>& runs);

// What one run does by itself; the trunk's part of a branch is not counted again.
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
