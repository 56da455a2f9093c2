#include "experiment/manifest.h"

#include <algorithm>
#include <filesystem>

namespace superpose::experiment {
namespace {

// Manifests come back with absolute folders; runs go by the last part.
std::string last_part(const std::string& folder) {
  return std::filesystem::path(folder).filename().string();
}

}  // namespace

report::Experiment make_manifest(const Recipe& recipe, std::span<const Arm> arms,
                                 const std::vector<PlannedRun>& runs,
                                 const CompareOptions& options) {
  report::Experiment manifest;
  manifest.title = std::filesystem::path(options.recipe_name).stem().string();
  manifest.baseline = recipe.compare.baseline;
  for (const Arm& arm : arms) manifest.arms.push_back(arm.name);
  manifest.learning_rates = recipe.compare.learning_rates;
  if (!manifest.learning_rates.empty()) manifest.tuning_seed = recipe.compare.tuning_seed;
  manifest.recipe_name = options.recipe_name;
  manifest.recipe_text = options.recipe_text;
  manifest.recipe_fingerprint = fingerprint(recipe);
  manifest.commands = options.commands;
  for (const PlannedRun& run : runs) {
    if (!run.learning_rate) continue;
    report::RunEntry entry;
    entry.arm = arms[run.arm].name;
    entry.seed = run.seed;
    entry.learning_rate = *run.learning_rate;
    entry.budget = run.budget;
    entry.role = run.role;
    entry.folder = run.folder;
    entry.parent = run.parent;
    entry.parent_step = run.first_step;
    manifest.runs.push_back(std::move(entry));
  }
  return manifest;
}

void keep_begun(std::vector<PlannedRun>& runs, const std::vector<report::RunEntry>& begun) {
  for (PlannedRun& run : runs) {
    const auto entry =
        std::find_if(begun.begin(), begun.end(), [&run](const report::RunEntry& candidate) {
          return last_part(candidate.folder) == run.folder;
        });
    if (entry == begun.end()) continue;
    run.role = entry->role;
    run.parent = last_part(entry->parent);
    run.first_step = entry->parent_step;
  }
  pin_branch_points(runs);
}

}  // namespace superpose::experiment
