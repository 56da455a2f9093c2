// Recipe files as the commands use them.
#pragma once

#include <string>
#include <vector>

#include "experiment/recipe.h"

namespace superpose::cli {

// experiment::read_recipe with ~ and $HOME in its paths replaced, and the folders that it leaves
// empty filled in (cache, site-packages).
experiment::Recipe load_recipe(const std::string& file,
                               const std::vector<config::Override>& overrides);

}  // namespace superpose::cli
