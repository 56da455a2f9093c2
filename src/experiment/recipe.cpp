#include "experiment/recipe.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "config/outline.h"
#include "experiment/grid.h"
#include "experiment/recipe_names.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"

namespace superpose::experiment {
namespace {

// The recipe as given, and the same with bagging off.
std::vector<ArmConfig> default_arms(const std::string& baseline) {
  ArmConfig without_bags;
  without_bags.name = baseline;
  without_bags.overrides = {{"phases", "[]"}};
  ArmConfig as_given;
  as_given.name = baseline == "tst" ? "superposed" : "tst";
  return {without_bags, as_given};
}

bool is_superposed(const train::RunConfig& config) {
  return std::any_of(config.phases.begin(), config.phases.end(), [](const auto& phase) {
    return phase.bag_size > 1 || phase.target_size.value_or(1) > 1;
  });
}

// Keys that decide which text is read, as what ids, and which is held out: they are equal for all
// arms, or nothing is comparable.
bool is_corpus_key(const std::string& key) {
  if (constexpr std::string_view kData = "data."; key.starts_with(kData)) {
    return key == "data.site_packages" ||
           config::role_of<decltype(train::RunConfig::data)>(key.substr(kData.size())) ==
               config::DataRole::kCorpus;
  }
  // What is measured, and over which windows. Of lists: the list, or one of its entries.
  return key == "evaluation.windows" || key == "evaluation.final_windows" ||
         key == "evaluation.document_cap" || key == "train.sequence_length" ||
         key.starts_with("evaluation.tasks") || key.starts_with("validation") ||
         key.starts_with("mixture");
}

// `who` sets the key: an arm, or the grid.
void check_override_key(const std::string& who, const std::string& key,
                        const CompareConfig& compare) {
  util::require(key != "run.dir", who,
                ": run.dir is set by the comparison, an arm cannot override it");
  util::require(key != "train.seed", who,
                ": train.seed is set from compare.seeds, an arm cannot override it");
  util::require(!is_corpus_key(key), who, ": ", key,
                " must be that of all arms: they are compared on one corpus and the same "
                "validation sets");
  util::require(key != "optim.learning_rate" || compare.learning_rates.empty(), who,
                ": optim.learning_rate is set from compare.learning_rates, an arm cannot "
                "override it");
}

train::RunConfig apply_overrides(const train::RunConfig& base, const ArmConfig& arm) {
  std::vector<config::Override> overrides;
  for (const auto& [key, value] : arm.overrides) {
    overrides.push_back({key, value, "compare.arms." + arm.name});
  }
  train::RunConfig result = base;
  config::read(result, "compare.arms." + arm.name, "", overrides, recipe_synonyms());
  return result;
}

std::vector<double> budgets_of(const ArmConfig& arm, const CompareConfig& compare) {
  std::vector<double> budgets = arm.budgets.empty() ? compare.budgets : arm.budgets;
  if (budgets.empty()) budgets = {1.0};
  std::sort(budgets.begin(), budgets.end());
  util::require(std::find(budgets.begin(), budgets.end(), 1.0) != budgets.end(),
                arm.budgets.empty() ? "compare.budgets" : "compare.arms.budgets", ": arm ",
                arm.name, " needs budget 1, at which arms are compared, got ", budgets.front(),
                budgets.size() > 1 ? " and others" : "");
  return budgets;
}

}  // namespace

Recipe read_recipe(const std::string& file_name, const std::vector<config::Override>& overrides) {
  Recipe recipe;
  config::read(recipe, file_name, util::read_file(file_name), overrides, recipe_synonyms());
  return recipe;
}

std::vector<ArmChoice> choose_arms(const Recipe& recipe) {
  const CompareConfig& compare = recipe.compare;
  const std::vector<GridAxis> axes = read_grid(compare.grid);
  for (const GridAxis& axis : axes) check_override_key("compare.grid", axis.key, compare);
  std::vector<ArmChoice> choices;
  std::set<std::string> names;
  for (const ArmConfig& arm :
       compare.arms.empty() ? default_arms(compare.baseline) : compare.arms) {
    for (const auto& [key, value] : arm.overrides) {
      check_override_key("compare.arms." + arm.name, key, compare);
    }
    const bool varies = !axes.empty() && arm.name != compare.baseline;
    const auto phases = varies ? apply_overrides(recipe.base, arm).phases
                               : std::vector<superposition::PhaseConfig>();
    for (ArmChoice& choice :
         varies ? apply_grid(arm, phases, axes) : std::vector<ArmChoice>{{arm, {}}}) {
      util::require(names.insert(choice.config.name).second, "compare.grid: two arms are called ",
                    choice.config.name, ": their values must differ in letters and digits");
      choices.push_back(std::move(choice));
    }
  }
  util::require(axes.empty() || choices.size() > 1,
                "compare.grid: needs an arm other than the baseline (", compare.baseline, ")");
  return choices;
}

std::vector<Arm> make_arms(const Recipe& recipe) {
  util::require(!recipe.compare.arms.empty() || is_superposed(recipe.base),
                "phases: nothing to compare, no phase has bag_size or target_size above 1");
  std::vector<Arm> arms;
  for (ArmChoice& choice : choose_arms(recipe)) {
    const ArmConfig& arm = choice.config;
    arms.push_back({arm.name, apply_overrides(recipe.base, arm), budgets_of(arm, recipe.compare),
                    std::move(choice.grid_values)});
  }
  return arms;
}

bool are_default_arms(const std::vector<ArmConfig>& arms, const std::string& baseline) {
  const auto same = [](const ArmConfig& a, const ArmConfig& b) {
    return a.name == b.name && a.overrides == b.overrides;
  };
  const std::vector<ArmConfig> defaults = default_arms(baseline);
  return std::equal(arms.begin(), arms.end(), defaults.begin(), defaults.end(), same);
}

std::string fingerprint(const Recipe& recipe) {
  if (recipe.compare.grid.empty()) return fingerprint(recipe, recipe.compare.arms);
  std::vector<ArmConfig> arms;
  for (ArmChoice& choice : choose_arms(recipe)) arms.push_back(std::move(choice.config));
  return fingerprint(recipe, arms);
}

std::string fingerprint(const Recipe& recipe, const std::vector<ArmConfig>& arms) {
  util::Hasher hasher;
  // Lengths first, so that no two lists of strings run together into the same bytes.
  const auto add = [&hasher](const std::string& text) {
    hasher.update(static_cast<std::uint64_t>(text.size()));
    hasher.update(text);
  };
  for (const util::Setting& setting : config::settings(recipe.base)) {
    if (setting.operational || setting.key == "train.seed") continue;
    add(setting.key);
    add(setting.value);
  }
  add(recipe.compare.baseline);
  for (const ArmConfig& arm : arms) {
    add(arm.name);
    hasher.update(static_cast<std::uint64_t>(arm.overrides.size()));
    for (const auto& [key, value] : arm.overrides) {
      add(key);
      add(value);
    }
  }
  return util::hex64(hasher.digest64());
}

}  // namespace superpose::experiment
