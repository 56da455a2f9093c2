#include "experiment/recipe.h"

#include <algorithm>
#include <array>
#include <string_view>

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

// The keys of [data] that decide how prepared tokens are read, or where and how fast they are
// prepared. All others decide which text is read, as what ids, and which is held out: they are
// equal for all arms, or nothing is comparable.
constexpr std::array<std::string_view, 9> kReadingKeys = {
    "data.block_tokens",    "data.lanes",           "data.document_aware",
    "data.reset_attention", "data.reset_positions", "data.when_exhausted",
    "data.cache_dir",       "data.threads",         "data.prefetch"};

bool is_corpus_key(const std::string& key) {
  if (key.starts_with("data.")) {
    return std::find(kReadingKeys.begin(), kReadingKeys.end(), key) == kReadingKeys.end();
  }
  // The lists, or one of their entries.
  return key == "evaluation.windows" || key.starts_with("validation") || key.starts_with("mixture");
}

void check_override_keys(const ArmConfig& arm, const CompareConfig& compare) {
  for (const auto& [key, value] : arm.overrides) {
    util::require(key != "run.dir", "compare.arms.", arm.name,
                  ": run.dir is set by the comparison, an arm cannot override it");
    util::require(key != "train.seed", "compare.arms.", arm.name,
                  ": train.seed is set from compare.seeds, an arm cannot override it");
    util::require(!is_corpus_key(key), "compare.arms.", arm.name, ": ", key,
                  " must be that of all arms: they are compared on one corpus and the same "
                  "validation sets");
    util::require(key != "optim.learning_rate" || compare.learning_rates.empty(), "compare.arms.",
                  arm.name,
                  ": optim.learning_rate is set from compare.learning_rates, an arm "
                  "cannot override it");
  }
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
  util::require(arm.name != compare.baseline ||
                    std::find(budgets.begin(), budgets.end(), 1.0) != budgets.end(),
                "compare.budgets: the baseline (", arm.name,
                ") needs budget 1, whose loss the others are measured at");
  return budgets;
}

}  // namespace

Recipe read_recipe(const std::string& file_name, const std::vector<config::Override>& overrides) {
  Recipe recipe;
  config::read(recipe, file_name, util::read_file(file_name), overrides, recipe_synonyms());
  return recipe;
}

std::vector<Arm> make_arms(const Recipe& recipe) {
  const bool by_default = recipe.compare.arms.empty();
  util::require(!by_default || is_superposed(recipe.base),
                "phases: nothing to compare, no phase has bag_size or target_size above 1");
  std::vector<Arm> arms;
  for (const ArmConfig& arm :
       by_default ? default_arms(recipe.compare.baseline) : recipe.compare.arms) {
    check_override_keys(arm, recipe.compare);
    arms.push_back({arm.name, apply_overrides(recipe.base, arm), budgets_of(arm, recipe.compare)});
  }
  return arms;
}

std::string fingerprint(const Recipe& recipe) {
  util::Hasher hasher;
  // Lengths first, so that no two lists of texts run together into the same bytes.
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
  for (const ArmConfig& arm : recipe.compare.arms) {
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
