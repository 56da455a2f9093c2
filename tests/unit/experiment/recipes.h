// The recipe that the tests of experiment change.
#pragma once

#include <string>

#include "config/config.h"
#include "experiment/recipe.h"

namespace superpose::test {

// A recipe of 100 steps of 4 x 8 positions, warm-up 10, decay 0.2, s = 6 for 0.3 of the steps;
// `more` is TOML that follows it.
inline experiment::Recipe small_recipe(const std::string& more = "") {
  const std::string text = R"(
[run]
dir = "somewhere"
[train]
steps = 100
batch_positions = 32
sequence_length = 8
[optim]
learning_rate = 0.004
warmup_steps = 10
decay_share = 0.2
[[phases]]
share = 0.3
bag_size = 6
)";
  experiment::Recipe recipe;
  config::read(recipe, "test.toml", text + more);
  return recipe;
}

}  // namespace superpose::test
