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
//   budgets = [0.4, 0.7, 1.0]
//   overrides = { "optim.learning_rate" = 0.002, phases = [{ share = 0.3, bag_size = 16 }] }
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
    v.field("budgets", self.budgets,
            "run lengths of this arm as fractions of train.steps; empty = compare.budgets");
  }
};

// One [[compare.noise]]: how much the difference between the baseline and an arm varies from seed
// to seed, as measured by an earlier comparison. It may be used where `settings` are those of the
// pair (experiment/noise.h).
//
//   [[compare.noise]]
//   arm = "tst"
//   steps = 8000
//   spread = 0.0021
//   seeds = 8
//   source = "eight seeds of demo.toml"
//   settings = "0123456789abcdef"
struct NoiseConfig {
  std::string arm;
  std::int64_t steps = 0;
  double spread = 0;
  std::int64_t seeds = 0;
  std::string source;
  std::string settings;
  std::string corpus;

  bool operator==(const NoiseConfig&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("arm", self.arm, "arm whose difference from the baseline was measured");
    v.field("steps", self.steps, "its train.steps");
    v.field("spread", self.spread,
            "standard deviation over seeds of baseline's - arm's final loss, nats per token");
    v.field("seeds", self.seeds, "seeds that it was measured over, six or more");
    v.field("source", self.source, "where it comes from, for the report");
    v.field("settings", self.settings, "fingerprint of the pair's settings, 16 hex digits");
    v.added().field("corpus", self.corpus,
                    "fingerprints of the text that it was measured on, training and held out; "
                    "empty = not checked");
  }
  void validate() const;
};

struct CompareConfig {
  std::string baseline = "baseline";
  std::vector<std::int64_t> seeds = {1};
  std::vector<double> learning_rates;
  std::int64_t tuning_seed = 0;
  std::vector<double> budgets;
  std::vector<ArmConfig> arms;
  // Dotted key -> TOML text of the list of its values.
  std::map<std::string, std::string> grid;
  std::vector<NoiseConfig> noise;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("baseline", self.baseline, "name of the arm that the others are compared with");
    v.field("seeds", self.seeds, "every arm runs once with each; results are quoted from these");
    v.field("learning_rates", self.learning_rates,
            "grid that every arm runs with tuning_seed, to take its own best; empty = no search");
    v.field("tuning_seed", self.tuning_seed, "seed of the grid; must not be in compare.seeds");
    v.field("budgets", self.budgets,
            "run lengths as fractions of train.steps, for the budget curve; empty = 1 alone");
    v.list("arms", self.arms,
           "what is compared; none = the recipe (tst) and the same recipe without bags (baseline)");
    v.added().field("grid", self.grid,
                    "recipe keys, each with a list of values: every arm but the baseline runs with "
                    "each combination; phases.X sets X in the arm's only superposed phase");
    v.added().list("noise", self.noise, "what is known of the spread between seeds");
  }

  // Throws util::Error naming the key.
  void validate() const;
};

}  // namespace superpose::experiment
