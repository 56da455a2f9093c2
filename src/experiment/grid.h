// [compare.grid]: recipe keys and the values with each combination of which the arms run.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiment/recipe.h"
#include "superposition/phases.h"

namespace superpose::experiment {

struct GridAxis {
  std::string key;                  // dotted, as in the recipe
  std::vector<std::string> values;  // TOML text, at least one
};

// compare.grid in order of the keys. Throws util::Error naming the key whose value is not a list,
// is empty, or names a value twice.
std::vector<GridAxis> read_grid(const std::map<std::string, std::string>& grid);

// An arm once for each combination of the axes' values, the last axis varying fastest. Its name
// gets "-<last part of the key>-<value>" for each. `phases` are the arm's: the axis "phases.X" is
// the key X of the only one of these that has bags. Throws util::Error where none has, or several
// have, and where the arm itself sets the key of an axis.
std::vector<ArmChoice> apply_grid(const ArmConfig& arm,
                                  const std::vector<superposition::PhaseConfig>& phases,
                                  const std::vector<GridAxis>& axes);

}  // namespace superpose::experiment
