#include "report/words/ranking.h"

#include <algorithm>

#include "util/error.h"

namespace superpose::report {
namespace {

bool is_matched(const Comparison& comparison) {
  return comparison.equal_flops.mean.match != Match::kUnmatched;
}

const Comparison* find_result(const Analysis& analysis, const std::string& arm) {
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.arm == arm && comparison.equal_flops.available) return &comparison;
  }
  return nullptr;
}

std::size_t place_of(std::vector<std::string>& values, const std::string& value) {
  const auto found = std::find(values.begin(), values.end(), value);
  if (found != values.end()) return static_cast<std::size_t>(found - values.begin());
  values.push_back(value);
  return values.size() - 1;
}

// "tst" of "tst-bag_size-4-share-0.2" in a grid over phases.bag_size first; else the whole name.
std::string arm_before_grid(const std::string& name, const std::string& first_key) {
  const std::string leaf = first_key.substr(first_key.rfind('.') + 1);
  return name.substr(0, name.find("-" + leaf + "-"));
}

}  // namespace

std::vector<const Comparison*> ranked(const Analysis& analysis) {
  std::vector<const Comparison*> found;
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.equal_flops.available) found.push_back(&comparison);
  }
  std::stable_sort(found.begin(), found.end(), [](const Comparison* a, const Comparison* b) {
    if (is_matched(*a) != is_matched(*b)) return is_matched(*a);
    return a->equal_flops.mean.gain > b->equal_flops.mean.gain;
  });
  return found;
}

bool has_many_arms(const Analysis& analysis) { return analysis.comparisons.size() > kMostTold; }

std::vector<std::string> drawn_arms(const Analysis& analysis) {
  const Experiment& experiment = analysis.experiment;
  if (experiment.arms.size() <= kMostDrawn) return experiment.arms;
  std::vector<std::string> best = {experiment.baseline};
  for (const Comparison* comparison : ranked(analysis)) {
    if (best.size() < kMostDrawn) best.push_back(comparison->arm);
  }
  return best;
}

std::vector<HeatMap> heat_maps(const Analysis& analysis) {
  const Grid& grid = analysis.experiment.grid;
  if (grid.keys.size() != 2) return {};
  std::vector<std::string> rows;
  std::vector<std::string> columns;
  for (const GridArm& arm : grid.arms) {
    util::require(arm.values.size() == 2, "grid: arm ", arm.arm,
                  " must have a value for each of 2 keys, got ", arm.values.size());
    place_of(rows, arm.values[0]);
    place_of(columns, arm.values[1]);
  }
  std::vector<HeatMap> maps;
  for (const GridArm& arm : grid.arms) {
    const std::string name = arm_before_grid(arm.arm, grid.keys[0]);
    auto map =
        std::find_if(maps.begin(), maps.end(), [&](const HeatMap& one) { return one.arm == name; });
    if (map == maps.end()) {
      map = maps.insert(maps.end(), {name, rows, columns, {}});
      map->cells.assign(rows.size(), std::vector<const Comparison*>(columns.size()));
    }
    map->cells[place_of(rows, arm.values[0])][place_of(columns, arm.values[1])] =
        find_result(analysis, arm.arm);
  }
  return maps;
}

}  // namespace superpose::report
