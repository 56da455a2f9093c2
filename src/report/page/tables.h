// The page's tables, as HTML.
#pragma once

#include <string>

#include "report/analysis.h"

namespace superpose::report {

std::string outcome_table(const Analysis& analysis, const Comparison& comparison);
// Per seed, all outcomes.
std::string seed_table(const Analysis& analysis, const Comparison& comparison);
// How far seeds lie apart, of each arm and each paired difference; "" where there is one seed.
std::string spread_table(const Analysis& analysis);
// Each validation set and arm; empty where the records name no set.
std::string sets_table(const Analysis& analysis);
std::string runs_table(const Analysis& analysis);
std::string speed_table(const Analysis& analysis);  // throughput and waiting, by phase
// Keys in which the arms differ; "" where there are none.
std::string settings_table(const Analysis& analysis);
std::string machine_table(const Analysis& analysis);

}  // namespace superpose::report
