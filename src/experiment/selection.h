// Which part of a comparison to run: `--only arm=tst,seed=2`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "experiment/recipe.h"
#include "experiment/run_list.h"

namespace superpose::experiment {

// Conditions of different keys must all hold, of those of one key any one. Without any condition
// everything is selected.
struct Selection {
  std::vector<std::string> arms;
  std::vector<std::int64_t> seeds;
  std::vector<double> budgets;
};

// Keys arm, seed and budget. Throws util::Error for another key, and for a value that the recipe
// does not have.
Selection parse_selection(const std::string& text, std::span<const Arm> arms,
                          const CompareConfig& compare);

// The selected runs and those that they need: the runs that they branch from, and the grid of each
// arm of these. Order is kept.
std::vector<PlannedRun> select_runs(const std::vector<PlannedRun>& runs, const Selection& selection,
                                    std::span<const Arm> arms);

}  // namespace superpose::experiment
