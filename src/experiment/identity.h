// Whether a folder holds the comparison of a recipe, to which arms may have been added.
#pragma once

#include <string>
#include <vector>

#include "experiment/recipe.h"
#include "report/experiment.h"

namespace superpose::experiment {

struct Identity {
  std::string fingerprint;        // of the manifest and of every run
  std::vector<std::string> arms;  // that it covers: those the comparison began with
};

// Of a comparison that begins with the recipe's arms.
Identity begin_identity(const Recipe& recipe);

// Of the comparison in `folder`, where the recipe is the same but for arms that it has and the
// comparison has not. Throws util::Error that names the first arm that is defined otherwise or
// missing, or says that the recipe is another one.
Identity continue_identity(const Recipe& recipe, const report::Experiment& before,
                           const std::string& folder);

// Fingerprints of what the arms' overrides are, in the order of the recipe.
std::vector<report::ArmDefinition> define_arms(const Recipe& recipe);

}  // namespace superpose::experiment
