#include "cli/recipe_file.h"

#include "cli/environment.h"

namespace superpose::cli {

experiment::Recipe load_recipe(const std::string& file,
                               const std::vector<config::Override>& overrides) {
  experiment::Recipe recipe = experiment::read_recipe(file, overrides);
  fill_folders(recipe.base);
  return recipe;
}

}  // namespace superpose::cli
