#include "experiment/selection.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "util/error.h"
#include "util/text.h"

namespace superpose::experiment {
namespace {

template <class Value>
bool contains(const std::vector<Value>& values, const Value& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

template <class Number>
Number parse_number(const std::string& key, const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  util::require(error == std::errc() && end == text.data() + text.size(), "--only: ", key,
                " must be a number, got \"", text, '"');
  return value;
}

void add_arm(Selection& selection, const std::string& name, std::span<const Arm> arms) {
  std::vector<std::string> names;
  for (const Arm& arm : arms) names.push_back(arm.name);
  util::require(contains(names, name), "--only: no arm \"", name, "\", the recipe has ",
                util::join(names, ", "));
  selection.arms.push_back(name);
}

void add_seed(Selection& selection, const std::string& text, const CompareConfig& compare) {
  const auto seed = parse_number<std::int64_t>("seed", text);
  util::require(contains(compare.seeds, seed) ||
                    (!compare.learning_rates.empty() && seed == compare.tuning_seed),
                "--only: no seed ", seed, " in compare.seeds");
  selection.seeds.push_back(seed);
}

void add_budget(Selection& selection, const std::string& text, std::span<const Arm> arms) {
  const auto budget = parse_number<double>("budget", text);
  util::require(std::any_of(arms.begin(), arms.end(),
                            [budget](const Arm& arm) { return contains(arm.budgets, budget); }),
                "--only: no arm has budget ", text);
  selection.budgets.push_back(budget);
}

bool matches(const PlannedRun& run, const Selection& selection, std::span<const Arm> arms) {
  return (selection.arms.empty() || contains(selection.arms, arms[run.arm].name)) &&
         (selection.seeds.empty() || contains(selection.seeds, run.seed)) &&
         (selection.budgets.empty() || contains(selection.budgets, run.budget));
}

}  // namespace

Selection parse_selection(const std::string& text, std::span<const Arm> arms,
                          const CompareConfig& compare) {
  Selection selection;
  std::istringstream conditions(text);
  for (std::string condition; std::getline(conditions, condition, ',');) {
    const auto equals = condition.find('=');
    const std::string key = condition.substr(0, equals);
    const bool is_known = key == "arm" || key == "seed" || key == "budget";
    util::require(equals != std::string::npos && is_known,
                  "--only: must be arm=NAME, seed=N or budget=X, comma-separated, got \"",
                  condition, '"');
    const std::string value = condition.substr(equals + 1);
    if (key == "arm") {
      add_arm(selection, value, arms);
    } else if (key == "seed") {
      add_seed(selection, value, compare);
    } else {
      add_budget(selection, value, arms);
    }
  }
  return selection;
}

std::vector<PlannedRun> select_runs(const std::vector<PlannedRun>& runs, const Selection& selection,
                                    std::span<const Arm> arms) {
  std::set<std::string> needed;
  std::set<std::size_t> arms_to_tune;
  for (const PlannedRun& run : runs) {
    if (!matches(run, selection, arms)) continue;
    needed.insert(run.folder);
    if (run.role != report::Role::kTuning) arms_to_tune.insert(run.arm);
  }
  // A parent stands before its branches and may be a branch itself. It may also be of another arm,
  // whose rate has to be found first; that arm's grid has its parents in grids.
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    const bool tunes = run->role == report::Role::kTuning && arms_to_tune.contains(run->arm);
    if (!tunes && !needed.contains(run->folder)) continue;
    needed.insert(run->folder);
    if (!run->parent.empty()) needed.insert(run->parent);
    if (run->role != report::Role::kTuning) arms_to_tune.insert(run->arm);
  }
  std::vector<PlannedRun> selected;
  for (const PlannedRun& run : runs) {
    if (needed.contains(run.folder)) selected.push_back(run);
  }
  return selected;
}

}  // namespace superpose::experiment
