// The names under which people look for a recipe's keys and choices, and the ones that they have.
#pragma once

#include <string>
#include <string_view>

#include "config/synonyms.h"

namespace superpose::experiment {

// Names from other trainers (transformers, nanoGPT, torchtitan, Megatron, litgpt), papers, habit.
config::Synonyms recipe_synonyms();

// The key that is meant by a name without its section, such as "train.steps" by "max-steps"; ""
// where none is near.
std::string recipe_key_meant_by(std::string_view name);

}  // namespace superpose::experiment
