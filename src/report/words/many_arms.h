// A comparison of many arms in one paragraph.
#pragma once

#include <string>

#include "report/analysis.h"

namespace superpose::report {

// How many arms came out ahead, level and behind, which was the best and by how much; "" where
// there is no result.
std::string many_arms_paragraph(const Analysis& analysis);

}  // namespace superpose::report
