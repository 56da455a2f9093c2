#include "experiment/compare_config.h"

#include <algorithm>
#include <set>
#include <vector>

#include "util/error.h"
#include "util/f32.h"
#include "util/text.h"

namespace superpose::experiment {
namespace {

// Folders of runs have the name in theirs, which file systems limit to 255 bytes.
constexpr std::size_t kLongestName = 100;

constexpr const char* kNameLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

// Beyond any run, and far below where steps no longer fit an integer.
constexpr double kLargestBudget = 1e6;

void check_budgets(const std::string& key, const std::vector<double>& budgets) {
  for (const double budget : budgets) {
    util::require(budget > 0, key, ": must be > 0, got ", budget);
    util::require(budget <= kLargestBudget, key, ": must be <= ", kLargestBudget, ", got ", budget);
  }
  util::require(std::set<double>(budgets.begin(), budgets.end()).size() == budgets.size(), key,
                ": a budget is listed twice");
}

void check_arm_names(const CompareConfig& compare) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < compare.arms.size(); ++i) {
    const ArmConfig& arm = compare.arms[i];
    const std::string key = "compare.arms[" + std::to_string(i) + "]";
    // The name becomes part of a folder's name and of --only's text.
    util::require(
        !arm.name.empty() && arm.name.find_first_not_of(kNameLetters) == std::string::npos, key,
        ".name: must be letters, digits, '_', '.' and '-', got \"", arm.name, '"');
    util::require(arm.name.size() <= kLongestName, key, ".name: must have at most ", kLongestName,
                  " characters, got ", arm.name.size());
    util::require(names.insert(arm.name).second, key, ".name: every arm needs its own, got \"",
                  arm.name, "\" twice");
    check_budgets(key + ".budgets", arm.budgets);
  }
  if (names.empty()) return;
  std::vector<std::string> listed;
  for (const ArmConfig& arm : compare.arms) listed.push_back(arm.name);
  util::require(names.contains(compare.baseline), "compare.baseline: must name one of the arms (",
                util::join(listed, ", "), "), got \"", compare.baseline, '"');
}

// Under these a standard deviation is hardly known.
constexpr std::int64_t kFewestNoiseSeeds = 6;

}  // namespace

void NoiseConfig::validate() const {
  util::require(!arm.empty(), "arm: must name an arm, got \"\"");
  util::require(steps >= 1, "steps: must be >= 1, got ", steps);
  util::require(spread > 0, "spread: must be > 0, got ", spread);
  util::require(seeds >= kFewestNoiseSeeds, "seeds: must be >= ", kFewestNoiseSeeds, ", got ",
                seeds);
  util::require(
      settings.size() == 16 && settings.find_first_not_of("0123456789abcdef") == std::string::npos,
      "settings: must be 16 hex digits, got \"", settings, '"');
}

void CompareConfig::validate() const {
  util::require(!seeds.empty(), "compare.seeds: must name at least one seed");
  util::require(std::set<std::int64_t>(seeds.begin(), seeds.end()).size() == seeds.size(),
                "compare.seeds: a seed is listed twice");
  for (const double rate : learning_rates) {
    util::require(util::is_normal_f32(rate),
                  "compare.learning_rates: must be > 0 and a normal number in f32, got ", rate);
  }
  util::require(std::set<double>(learning_rates.begin(), learning_rates.end()).size() ==
                    learning_rates.size(),
                "compare.learning_rates: a rate is listed twice");
  util::require(
      learning_rates.empty() || std::find(seeds.begin(), seeds.end(), tuning_seed) == seeds.end(),
      "compare.tuning_seed: must not be in compare.seeds, whose runs are the results, got ",
      tuning_seed);
  util::require(!baseline.empty() && baseline.find_first_not_of(kNameLetters) == std::string::npos,
                "compare.baseline: must be letters, digits, '_', '.' and '-', got \"", baseline,
                '"');
  check_budgets("compare.budgets", budgets);
  check_arm_names(*this);
}

}  // namespace superpose::experiment
