// What `superpose compare` reads: the recipe of a run, with a [compare] section.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "experiment/compare_config.h"
#include "train/run_config.h"
#include "util/setting.h"

namespace superpose::experiment {

struct Recipe {
  train::RunConfig base;  // its sections stand at the top level of the file
  CompareConfig compare;

  void validate() const { base.validate(); }

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    train::RunConfig::visit(self.base, v);
    v.section("compare", self.compare, "paired runs, for `superpose compare` alone");
  }
};

// Reads a recipe file; overrides (command line) win over the file. `superpose train` reads the same
// files through this and uses `base` alone, so that keys of [compare] never matter to a single run.
// Throws util::Error.
Recipe read_recipe(const std::string& file_name, const std::vector<config::Override>& overrides);

// An arm, ready to run but for seed, folder, rate and steps, which the plan sets for each run.
struct Arm {
  std::string name;
  train::RunConfig config;
  std::vector<double> budgets;  // ascending, without repeats, at least one
  // Of an arm of [compare.grid]: TOML text of each key's value, in the order of compare.grid.
  std::vector<std::string> grid_values = {};
};

// An arm as a recipe says it, with the values of [compare.grid] among its overrides.
struct ArmChoice {
  ArmConfig config;
  std::vector<std::string> grid_values;
};

// The default arms where the recipe names none; each but the baseline once for every combination of
// compare.grid. Throws util::Error naming compare.grid and the key.
std::vector<ArmChoice> choose_arms(const Recipe& recipe);

// The arms in the order of the recipe. Throws util::Error naming the arm where its overrides do not
// make a recipe, or touch what the comparison itself sets (run.dir, train.seed; optim.learning_rate
// where there is a grid) or what must be equal (the corpus, the validation set).
std::vector<Arm> make_arms(const Recipe& recipe);

// Equal for two recipes exactly when their runs may be compared and their parts merged: the hash of
// the recipe's keys that are not operational, without the seed, and of the arms' names and
// overrides. Lists of seeds, rates and budgets are left out: they may grow while finished runs keep
// their worth.
std::string fingerprint(const Recipe& recipe);

// The same of a recipe with other arms; empty: those of a recipe that names none.
std::string fingerprint(const Recipe& recipe, const std::vector<ArmConfig>& arms);

// Whether the arms are those of a recipe that names none.
bool are_default_arms(const std::vector<ArmConfig>& arms, const std::string& baseline);

}  // namespace superpose::experiment
