// Paths as a user writes them.
#pragma once

#include <string>

#include "experiment/recipe.h"

namespace superpose::cli {

// A path with "~" or "~/" at its beginning, and $HOME and ${HOME} anywhere, replaced by `home`. Any
// other $NAME or ${NAME}, or "~name", is an error: nothing is meant to be called so by accident
// ("./~name" is such a file). Throws util::Error also where `home`, empty = none, is wanted.
std::string expand_path(const std::string& path, const std::string& home);
// The same with the user's home folder.
std::string expand_path(const std::string& path);

// Every key of a recipe that holds paths: run.dir, of [data] sources, site_packages, validation,
// tokenizer and cache_dir, the sources of mixture and validation sets, name and data of evaluation
// tasks, and data.cache_dir of an arm. Throws util::Error naming the key.
void expand_paths(experiment::Recipe& recipe);

// Throws util::Error where two paths of the command line lead to one file: what is written to one
// would replace the other. `option` and `other_option` are what errors call them.
void require_distinct(const char* option, const std::string& path, const char* other_option,
                      const std::string& other);

// The recipe with what it reads written as it lies from the current folder (corpus::locate): for a
// file that does not lie next to the recipe.
experiment::Recipe locate_sources(experiment::Recipe recipe);

}  // namespace superpose::cli
