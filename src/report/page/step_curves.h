// What a run's step records hold, as curves over its steps.
#pragma once

#include "report/analysis.h"
#include "util/json.h"

namespace superpose::report {

// Points of a curve, about; each is the mean over a range of records, none of which crosses a
// change of phase.
inline constexpr std::size_t kStepCurvePoints = 300;

// {"step": [..], "positions": [..], "raw_tokens": [..], "seconds": [..],
//  "series": {"gradient norm": {"": [..]}, "update_ratio": {"matrix": [..], ...}, ...}}
//
// A scalar of a record belongs to the series that its name begins with; one of a layer, as
// "router/3/entropy", to "router/entropy" with the layer as its member. A series has null where a
// range of records does not hold it.
util::Json step_curves(const Run& run);

}  // namespace superpose::report
