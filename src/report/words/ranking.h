// What keeps a report of many arms readable: which arm comes first, which are told and drawn.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/analysis.h"

namespace superpose::report {

// The comparisons that have a result, by gain, the largest first: those at equal FLOPs, then the
// others; of equals in the order of the arms.
std::vector<const Comparison*> ranked(const Analysis& analysis);

// With more comparisons the best one is told in full and the others stand in the ranking.
inline constexpr std::size_t kMostTold = 4;
bool has_many_arms(const Analysis& analysis);

// Arms that the page draws curves of: all, or the baseline and the kMostDrawn - 1 best.
inline constexpr std::size_t kMostDrawn = 7;
std::vector<std::string> drawn_arms(const Analysis& analysis);

// The gains of a grid of two keys. The grid is laid over each arm of the recipe but the baseline;
// each of these has a map of its own.
struct HeatMap {
  std::string arm;  // of the recipe, as far as the names of the grid's arms tell
  std::vector<std::string> rows;
  std::vector<std::string> columns;                   // values of the first and the second key
  std::vector<std::vector<const Comparison*>> cells;  // null: no result
};
std::vector<HeatMap> heat_maps(const Analysis& analysis);  // none where there are not two keys

}  // namespace superpose::report
