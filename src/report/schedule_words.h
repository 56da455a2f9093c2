// What an arm's phases did, in words.
#pragma once

#include <string>

#include "report/analysis.h"

namespace superpose::report {

// What an arm's phases did, in the numbers of its runs at budget 1: one clause for each phase. ""
// where no run of it has finished.
std::string schedule_sentence(const Analysis& analysis, const std::string& arm);

}  // namespace superpose::report
