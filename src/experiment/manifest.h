// experiment.json: what the report is told, and what a later call takes over from an earlier one.
#pragma once

#include <span>
#include <vector>

#include "experiment/compare.h"
#include "experiment/run_list.h"
#include "report/experiment.h"

namespace superpose::experiment {

// Runs whose rate is not known yet are left out.
report::Experiment make_manifest(const Recipe& recipe, std::span<const Arm> arms,
                                 const std::vector<PlannedRun>& runs,
                                 const CompareOptions& options);

// A run that has begun stays what it began as (a branch of that trunk, or a run from step 0), also
// where budgets were added since and the plan would now have it otherwise. `begun` are the entries
// of an earlier call's manifest.
void keep_begun(std::vector<PlannedRun>& runs, const std::vector<report::RunEntry>& begun);

}  // namespace superpose::experiment
