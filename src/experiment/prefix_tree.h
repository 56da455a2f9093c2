// Which runs do the same first steps, so that these are run once.
//
// A run may begin at a checkpoint of an earlier run of the list where both do the same up to there:
// every setting is equal, operational ones included, and so are the learning rate and the phase of
// each step. What the length of the run, its phases and its schedule do later may differ. It
// holds across arms, budgets, decays and points of a learning-rate grid; a run that began at
// another's checkpoint may be begun from itself, so the runs form trees. A run that begins so is
// bit-identical to one from step 0.
//
// Pure planning, as in run_list.h.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "experiment/recipe.h"
#include "experiment/run_list.h"
#include "optim/optim_config.h"
#include "superposition/phases.h"

namespace superpose::experiment {

// What decides the steps of a run.
struct StepSettings {
  std::string settings;  // text of all that must be equal from the first step on
  optim::OptimConfig optim;
  std::int64_t total_steps = 0;
  std::vector<superposition::Phase> phases;
};

// Of a run in an arm. A run whose learning rate is not known yet has the same settings as another
// one of its arm alone.
StepSettings step_settings_of(const PlannedRun& run, const Arm& arm);

// Steps from step 0 that two runs share: the largest k for which all steps before k are equal.
std::int64_t common_steps(const StepSettings& a, const StepSettings& b);

// The last step, at most `step`, at which a run has a checkpoint or will have one that is asked for
// now; 0 where there is none.
using UsableStep = std::function<std::int64_t(const PlannedRun& parent, std::int64_t step)>;

// Gives every run of which `is_fixed` does not hold its parent: the run before it in the list from
// which it can take over the most steps, the first of equals; none where it can take over none.
// Sets role (a tuning run stays one), parent, first_step, and the pinned steps of all runs. Fixed
// runs keep what they have.
void choose_parents(std::vector<PlannedRun>& runs, std::span<const Arm> arms,
                    const std::function<bool(const PlannedRun&)>& is_fixed,
                    const UsableStep& usable_step);

// Sets the pinned steps of every run to where the others branch from it.
void pin_branch_points(std::vector<PlannedRun>& runs);

// Indices into `runs` in the order of the trees: a run, then those that branch from it, in the
// order of the list.
struct TreePlace {
  std::size_t run = 0;
  std::int64_t depth = 0;  // 0: begins at step 0, or its parent is not in the list
};
std::vector<TreePlace> tree_order(const std::vector<PlannedRun>& runs);

}  // namespace superpose::experiment
