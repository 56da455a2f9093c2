// What an arm's phases did, in words.
#pragma once

#include <string>

#include "report/analysis.h"

namespace superpose::report {

// What an arm's phases did, in the numbers of its runs at budget 1: one clause for each phase. ""
// where no run of it has finished.
std::string schedule_sentence(const Analysis& analysis, const std::string& arm);

// The same of one run, which the sentence calls `name`; of one that has not finished in the present
// tense. "" where its header holds no phases.
std::string schedule_sentence(const std::string& name, const metrics::RunHeader& header,
                              bool has_finished);

}  // namespace superpose::report
