// What the page's script draws.
#pragma once

#include "report/analysis.h"
#include "util/json.h"

namespace superpose::report {

// What page.js draws, of drawn_arms: curves of the budget-1 results, bag losses, routers, gaps, the
// probe of copying, losses by position, the learning-rate grid, the budget curve and the
// speed-ups on it. About kCurvePoints points of a training curve (means over equal ranges, none of
// which crosses a change of phase); validation curves are whole.
inline constexpr std::size_t kCurvePoints = 500;

// Whether the curves of validation losses hold this run.
bool has_curve(const Run& run);

// Whether a step has recorded what routers of experts did.
bool has_router(const Run& run);

util::Json plot_data(const Analysis& analysis);

}  // namespace superpose::report
