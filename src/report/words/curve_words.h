// What the validation curves show on the way.
#pragma once

#include <string>

#include "report/analysis.h"

namespace superpose::report {

// When an arm overtook the baseline after the switch; "" where it has none, or where its curve does
// not end at the baseline's FLOPs.
std::string crossing_sentence(const Comparison& comparison);

// Below the plot of the curves: what is drawn, and where the arms lay while superposed.
std::string curves_caption(const Analysis& analysis);

}  // namespace superpose::report
