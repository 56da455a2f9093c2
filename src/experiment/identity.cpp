#include "experiment/identity.h"

#include <algorithm>
#include <utility>

#include "util/error.h"
#include "util/hash.h"

namespace superpose::experiment {
namespace {

std::vector<ArmConfig> arms_of(const Recipe& recipe) {
  std::vector<ArmConfig> arms;
  for (ArmChoice& choice : choose_arms(recipe)) arms.push_back(std::move(choice.config));
  return arms;
}

const ArmConfig* find_arm(const std::vector<ArmConfig>& arms, const std::string& name) {
  const auto found = std::find_if(arms.begin(), arms.end(),
                                  [&name](const ArmConfig& arm) { return arm.name == name; });
  return found == arms.end() ? nullptr : &*found;
}

std::string definition_of(const ArmConfig& arm) {
  util::Hasher hasher;
  for (const auto& [key, value] : arm.overrides) {
    for (const std::string& text : {key, value}) {
      hasher.update(static_cast<std::uint64_t>(text.size()));
      hasher.update(text);
    }
  }
  return util::hex64(hasher.digest64());
}

// The default arms have one fingerprint where a recipe names them and another where it names none.
bool is_fingerprint_of(const std::string& fingerprint, const Recipe& recipe,
                       const std::vector<ArmConfig>& arms) {
  if (experiment::fingerprint(recipe, arms) == fingerprint) return true;
  return are_default_arms(arms, recipe.compare.baseline) &&
         experiment::fingerprint(recipe, {}) == fingerprint;
}

}  // namespace

Identity begin_identity(const Recipe& recipe) {
  Identity identity{.fingerprint = fingerprint(recipe), .arms = {}};
  for (const ArmConfig& arm : arms_of(recipe)) identity.arms.push_back(arm.name);
  return identity;
}

Identity continue_identity(const Recipe& recipe, const report::Experiment& before,
                           const std::string& folder) {
  const std::string holds = "run.dir: " + folder + " belongs to another comparison";
  const std::vector<ArmConfig> arms = arms_of(recipe);
  for (const std::string& name : before.arms) {
    util::require(find_arm(arms, name) != nullptr, holds, ": its arm ", name,
                  " is missing from this recipe; choose another run.dir");
  }
  for (const report::ArmDefinition& then : before.arm_definitions) {
    const ArmConfig* arm = find_arm(arms, then.arm);
    util::require(arm == nullptr || definition_of(*arm) == then.settings, holds, ": arm ", then.arm,
                  " has other overrides in this recipe; rename it, or choose another run.dir");
  }
  Identity identity{.fingerprint = before.recipe_fingerprint, .arms = before.fingerprint_arms};
  if (identity.arms.empty()) identity.arms = before.arms;
  std::vector<ArmConfig> covered;
  for (const std::string& name : identity.arms) {
    if (const ArmConfig* arm = find_arm(arms, name)) covered.push_back(*arm);
  }
  util::require(is_fingerprint_of(identity.fingerprint, recipe, covered), holds, " (fingerprint ",
                identity.fingerprint, ", the same arms of this recipe have ",
                fingerprint(recipe, covered), "); choose another run.dir");
  return identity;
}

std::vector<report::ArmDefinition> define_arms(const Recipe& recipe) {
  std::vector<report::ArmDefinition> definitions;
  for (const ArmConfig& arm : arms_of(recipe))
    definitions.push_back({arm.name, definition_of(arm)});
  return definitions;
}

}  // namespace superpose::experiment
