#include "cli/recipe_file.h"

#include <filesystem>

#include "cli/environment.h"
#include "cli/paths.h"

namespace superpose::cli {

experiment::Recipe load_recipe(const std::string& file,
                               const std::vector<config::Override>& overrides) {
  experiment::Recipe recipe = experiment::read_recipe(file, overrides);
  expand_paths(recipe);
  recipe.base.data.recipe_folder = std::filesystem::path(file).parent_path().string();
  fill_folders(recipe.base);
  return recipe;
}

}  // namespace superpose::cli
