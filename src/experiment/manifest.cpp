#include "experiment/manifest.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "experiment/prefix_tree.h"
#include "util/text.h"

namespace superpose::experiment {
namespace {

// Manifests come back with absolute folders; runs go by the last part.
std::string last_part(const std::string& folder) {
  return std::filesystem::path(folder).filename().string();
}

report::RunEntry entry_of(const PlannedRun& run, std::span<const Arm> arms) {
  report::RunEntry entry;
  entry.arm = arms[run.arm].name;
  entry.seed = run.seed;
  entry.learning_rate = run.learning_rate.value();
  entry.budget = run.budget;
  entry.role = run.role;
  entry.folder = run.folder;
  entry.parent = run.parent;
  entry.parent_step = run.first_step;
  return entry;
}

bool contains(const std::vector<report::RunEntry>& entries, const std::string& folder) {
  return std::any_of(entries.begin(), entries.end(),
                     [&folder](const report::RunEntry& entry) { return entry.folder == folder; });
}

// Their records are the first part of those of the branches.
void add_parents(std::vector<report::RunEntry>& entries,
                 const std::vector<report::RunEntry>& earlier) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string parent = entries[i].parent;
    if (parent.empty() || contains(entries, parent)) continue;
    for (report::RunEntry entry : earlier) {
      if (folder_name(entry) != parent) continue;
      entry.role = report::Role::kTrunk;
      entry.folder = parent;
      entry.parent = last_part(entry.parent);
      entries.push_back(std::move(entry));
      break;
    }
  }
}

// Of runs that were begun for the comparison and are not in its recipe any more.
std::string left_out_note(const std::vector<report::RunEntry>& runs,
                          const std::vector<report::RunEntry>& earlier) {
  std::vector<std::string> left_out;
  for (const report::RunEntry& entry : earlier) {
    const std::string folder = folder_name(entry);
    const bool was_result =
        entry.role != report::Role::kTuning && entry.role != report::Role::kTrunk;
    if (was_result && !contains(runs, folder)) left_out.push_back(folder);
  }
  if (left_out.empty()) return "";
  return "Runs of this folder that the recipe no longer has take no part: " +
         util::join(left_out, ", ") + ".";
}

report::Grid grid_of(const Recipe& recipe, std::span<const Arm> arms) {
  report::Grid grid;
  for (const auto& [key, values] : recipe.compare.grid) grid.keys.push_back(key);
  for (const Arm& arm : arms) {
    if (!arm.grid_values.empty()) grid.arms.push_back({arm.name, arm.grid_values});
  }
  return grid;
}

}  // namespace

std::string folder_name(const report::RunEntry& entry) { return last_part(entry.folder); }

report::Experiment make_manifest(const ManifestParts& parts) {
  const CompareConfig& compare = parts.recipe.compare;
  report::Experiment manifest;
  manifest.title = std::filesystem::path(parts.options.recipe_name).stem().string();
  manifest.baseline = compare.baseline;
  for (const Arm& arm : parts.arms) manifest.arms.push_back(arm.name);
  manifest.learning_rates = compare.learning_rates;
  if (!manifest.learning_rates.empty()) manifest.tuning_seed = compare.tuning_seed;
  manifest.recipe_name = parts.options.recipe_name;
  manifest.recipe_text = parts.options.recipe_text;
  manifest.recipe_fingerprint = parts.identity.fingerprint;
  if (parts.identity.arms != manifest.arms) manifest.fingerprint_arms = parts.identity.arms;
  manifest.arm_definitions = define_arms(parts.recipe);
  manifest.commands = parts.options.commands;
  manifest.notes = parts.noise.notes;
  manifest.noise = parts.noise.figures;
  manifest.pairs = parts.noise.pairs;
  manifest.grid = grid_of(parts.recipe, parts.arms);
  for (const PlannedRun& run : parts.runs) {
    if (run.learning_rate) manifest.runs.push_back(entry_of(run, parts.arms));
  }
  if (const std::string note = left_out_note(manifest.runs, parts.earlier); !note.empty()) {
    manifest.notes.push_back(note);
  }
  add_parents(manifest.runs, parts.earlier);
  return manifest;
}

void keep_begun(std::vector<PlannedRun>& runs, const std::vector<report::RunEntry>& begun) {
  for (PlannedRun& run : runs) {
    const auto entry = std::find_if(
        begun.begin(), begun.end(),
        [&run](const report::RunEntry& candidate) { return folder_name(candidate) == run.folder; });
    if (entry == begun.end()) continue;
    run.parent = last_part(entry->parent);
    run.first_step = entry->parent_step;
    if (run.role == report::Role::kTuning) continue;
    // The entry may say trunk: for a time it was not a run of the recipe.
    run.role = run.parent.empty() ? report::Role::kFinal : report::Role::kBranch;
  }
  pin_branch_points(runs);
}

}  // namespace superpose::experiment
