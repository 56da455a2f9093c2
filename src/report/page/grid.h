// The page's view of many arms, as HTML.
#pragma once

#include <string>

#include "report/analysis.h"

namespace superpose::report {

// The arms by gain, with their values where the recipe has a grid.
std::string ranking_table(const Analysis& analysis);
// Gains over the two keys of a grid, as tables with coloured cells; "" where there are not two.
std::string heat_map_tables(const Analysis& analysis);

}  // namespace superpose::report
