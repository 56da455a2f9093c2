// What the page's script draws.
#pragma once

#include "report/analysis.h"
#include "util/json.h"

namespace superpose::report {

// Whether the curves of validation losses hold this run.
bool has_curve(const Run& run);

// Whether a step has recorded what routers of experts did.
bool has_router(const Run& run);

// What page.js draws, of drawn_arms: curves of the budget-1 results, those of their step records
// (step_curves.h), scores of tasks, gaps, the probe of copying, losses by position, the
// learning-rate grid, the budget curve and the speed-ups on it.
util::Json plot_data(const Analysis& analysis);

}  // namespace superpose::report
