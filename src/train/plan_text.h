// A plan in words.
#pragma once

#include <iosfwd>

#include "train/plan.h"

namespace superpose::train {

// The plan as the lines that are printed before the first step, what was found wrong last.
void print_plan(std::ostream& out, const Plan& plan);

}  // namespace superpose::train
