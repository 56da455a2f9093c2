// The [compare] section of a recipe: which arms run against each other, on which seeds, rates and
// budgets.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace superpose::experiment {

// One [[compare.arms]]: the recipe with some keys changed.
//
//   [[compare.arms]]
//   name = "large bags"
//   overrides = { "optim.learning_rate" = 0.002, phases = [{ share = 0.3, bag_size = 16 }] }
//   budgets = [0.4, 0.7, 1.0]
struct ArmConfig {
  std::string name;
  std::map<std::string, std::string> overrides;  // dotted key -> TOML text of the value
  std::vector<double> budgets;                   // empty: compare.budgets

  bool operator==(const ArmConfig&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("name", self.name, "shown in the report and used in folder names");
    v.field("overrides", self.overrides,
            "keys of the recipe that are different here, by dotted name");
    v.field("budgets", self.budgets, "budgets of this arm; empty = compare.budgets");
  }
};

struct CompareConfig {
  std::string baseline = "baseline";
  std::vector<std::int64_t> seeds = {1};
  std::vector<double> learning_rates;
  std::int64_t tuning_seed = 0;
  std::vector<double> budgets;
  std::vector<ArmConfig> arms;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("baseline", self.baseline, "name of the arm that the others are compared with");
    v.field("seeds", self.seeds, "every arm runs once with each; results are quoted from these");
    v.field("learning_rates", self.learning_rates,
            "grid that every arm runs with tuning_seed, to take its own best; empty = no search");
    v.field("tuning_seed", self.tuning_seed, "seed of the grid; none of compare.seeds");
    v.field("budgets", self.budgets,
            "shares of train.steps to finish at, for the budget curve (wsd only); empty = 1 alone");
    v.list("arms", self.arms,
           "what is compared; none = the recipe (tst) and it without bags (baseline)");
  }

  // Throws util::Error naming the key.
  void validate() const;
};

}  // namespace superpose::experiment
