// The parts of the page on evaluation tasks and on the texts that models wrote, as HTML.
#pragma once

#include <string>

#include "report/analysis.h"

namespace superpose::report {

// Each task, score and arm when the runs were done, with chance; "" where none was scored.
std::string tasks_table(const Analysis& analysis);

// What each prompt was continued with as the run went along, and where the switch lies: of a run by
// itself, else of the first seed of each arm that is drawn. "" where there are no samples.
std::string samples_part(const Analysis& analysis);

}  // namespace superpose::report
