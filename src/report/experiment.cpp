#include "report/experiment.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "metrics/reader.h"
#include "util/error.h"
#include "util/file_names.h"
#include "util/files.h"
#include "util/json.h"
#include "util/json_fields.h"
#include "util/text.h"

namespace superpose::report {
namespace {

using util::Json;

std::string absolute_folder(const std::string& folder, const std::filesystem::path& base) {
  return folder.empty() ? folder : (base / folder).lexically_normal().string();
}

// The place that a run fills. A result's rate is not part of it: a part that has not tuned yet does
// not know it; nor is whether it began at step 0, which depends on the checkpoints that a part has.
auto place(const RunEntry& run) {
  const double rate = run.role == Role::kTuning ? run.learning_rate : 0;
  const Role role = is_result(run.role) ? Role::kFinal : run.role;
  return std::tuple(run.arm, run.seed, rate, run.budget, role);
}

bool is_finished(const RunEntry& run) {
  const std::filesystem::path records = std::filesystem::path(run.folder) / util::kRecordsFile;
  return std::filesystem::exists(records) && metrics::read_json_lines(records).summary.has_value();
}

void add_missing(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const std::string& text : from) {
    if (std::find(to.begin(), to.end(), text) == to.end()) to.push_back(text);
  }
}

// Entries of arms that `to` has none of.
template <class Entry>
void add_missing_arms(std::vector<Entry>& to, const std::vector<Entry>& from) {
  const std::vector<Entry> had = to;
  for (const Entry& entry : from) {
    const auto is_same = [&](const Entry& other) { return other.arm == entry.arm; };
    if (std::none_of(had.begin(), had.end(), is_same)) to.push_back(entry);
  }
}

// Throws where two parts call different things by one name of an arm.
void check_same_arms(const Experiment& merged, const Experiment& part,
                     const std::filesystem::path& folder) {
  for (const ArmDefinition& now : part.arm_definitions) {
    for (const ArmDefinition& before : merged.arm_definitions) {
      util::require(before.arm != now.arm || before.settings == now.settings, "report: arm ",
                    now.arm, " must have the same overrides in all parts, ", folder.string(),
                    " has others than the parts before it");
    }
  }
  for (const PairSettings& now : part.pairs) {
    for (const PairSettings& before : merged.pairs) {
      util::require(
          before.arm != now.arm || before.budget != now.budget || before.settings == now.settings,
          "report: arm ", now.arm, " must have the same settings in all parts, got ",
          before.settings, " and ", now.settings, " in ", folder.string());
    }
  }
}

void add_missing_pairs(std::vector<PairSettings>& to, const std::vector<PairSettings>& from) {
  for (const PairSettings& pair : from) {
    const auto is_same = [&pair](const PairSettings& other) {
      return other.arm == pair.arm && other.budget == pair.budget;
    };
    if (std::none_of(to.begin(), to.end(), is_same)) to.push_back(pair);
  }
}

// A run that is left out and from which others branched stays as their trunk; one that was only
// planned need not be kept.
void keep_as_trunk(std::vector<RunEntry>& to, RunEntry run, const std::vector<RunEntry>& part) {
  if (!std::filesystem::exists(run.folder)) return;
  const bool has_branches = std::any_of(part.begin(), part.end(), [&run](const RunEntry& other) {
    return other.parent == run.folder;
  });
  if (!has_branches) return;
  run.role = Role::kTrunk;
  to.push_back(std::move(run));
}

void merge_runs(std::vector<RunEntry>& to, const std::vector<RunEntry>& from) {
  for (const RunEntry& run : from) {
    const auto same = std::find_if(to.begin(), to.end(), [&](const RunEntry& other) {
      return run.role != Role::kTrunk && place(other) == place(run);
    });
    if (same == to.end()) {
      to.push_back(run);
    } else if (!is_finished(*same) && std::filesystem::exists(run.folder)) {
      const RunEntry left_out = std::exchange(*same, run);
      keep_as_trunk(to, left_out, to);
    } else {
      keep_as_trunk(to, run, from);
    }
  }
}

// Nothing where the path is not another trainer's.
std::optional<MappedRun> read_foreign(const std::filesystem::path& path, const Mapping& mapping,
                                      const std::string& arm, std::size_t index) {
  const LogReader* reader = find_reader(path);
  if (reader == nullptr) return std::nullopt;
  TrainerLog log = reader->read(path);
  log.sort();
  return map_run(log, *reader, mapping, arm, index, path);
}

}  // namespace

void write_experiment(const util::OutputFolder& folder, const Experiment& experiment) {
  Json json = {{"schema", kExperimentSchema}};
  util::JsonWriter writer(json);
  Experiment::visit(experiment, writer);
  folder.write(util::kExperimentFile,
               json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Experiment read_experiment(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / util::kExperimentFile;
  const std::string where = path.string();
  util::require(!is_one_run(folder), folder.string(),
                ": is one run, not a part of a comparison: superpose report --arm NAME=",
                folder.string(), " --arm NAME=ANOTHER compares runs");
  const Json json = util::parse_json(util::read_file(path), where);
  std::int64_t schema = 0;
  util::JsonReader reader(json, where);
  reader.required("schema", schema);
  util::require(schema >= 1 && schema <= kExperimentSchema, where, ": schema must be 1 to ",
                kExperimentSchema, " for this version, got ", schema);
  Experiment experiment;
  Experiment::visit(experiment, reader);
  const std::filesystem::path base = std::filesystem::absolute(folder);
  for (RunEntry& run : experiment.runs) {
    run.folder = absolute_folder(run.folder, base);
    run.parent = absolute_folder(run.parent, base);
  }
  return experiment;
}

bool is_one_run(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  if (fs::exists(path / util::kExperimentFile)) return false;
  return fs::is_regular_file(path) || fs::exists(path / util::kRecordsFile) ||
         fs::exists(path / "metrics.csv") || find_reader(path) != nullptr;
}

Experiment experiment_of_run(const std::filesystem::path& path, const Mapping& mapping) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::absolute(path).lexically_normal();
  Experiment experiment;
  metrics::RunHeader header;
  if (std::optional<MappedRun> run = read_foreign(path, mapping, "run", 0)) {
    header = run->records.header;
    experiment.notes = {"Read from " + run->used + "."};
    if (!run->missing.empty()) {
      experiment.notes.push_back(
          "Not recorded, so left out of this page: " + util::join(run->missing, ", ") +
          ". --map KEY=VALUE gives what you know.");
    }
    experiment.foreign[folder.string()] = std::move(run->records);
  } else {
    header = metrics::read_run(path).header;
  }
  // A folder may have been given with a slash at its end.
  experiment.title = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  experiment.baseline = header.arm.empty() ? "run" : header.arm;
  experiment.arms = {experiment.baseline};
  experiment.recipe_fingerprint = header.fingerprints.recipe;
  if (!header.command.empty()) experiment.commands = {header.command};
  const fs::path recipe = folder / util::kRecipeFile;
  if (fs::is_regular_file(recipe)) {
    experiment.recipe_name = recipe.filename().string();
    experiment.recipe_text = util::read_file(recipe);
  }
  RunEntry run;
  run.arm = experiment.baseline;
  run.seed = header.seed;
  run.learning_rate = header.learning_rate;
  run.folder = folder.string();
  experiment.runs = {run};
  return experiment;
}

Experiment merge_experiments(const std::vector<std::filesystem::path>& folders) {
  util::require(!folders.empty(), "report: must be given one folder or more, got none");
  Experiment merged = read_experiment(folders.front());
  for (std::size_t i = 1; i < folders.size(); ++i) {
    const Experiment part = read_experiment(folders[i]);
    util::require(part.recipe_fingerprint == merged.recipe_fingerprint,
                  "report: parts must have the same recipe fingerprint, got ",
                  merged.recipe_fingerprint, " in ", folders.front().string(), " and ",
                  part.recipe_fingerprint, " in ", folders[i].string());
    check_same_arms(merged, part, folders[i]);
    add_missing(merged.arms, part.arms);
    add_missing_arms(merged.arm_definitions, part.arm_definitions);
    // What one part chose a rate by is not quoted of any.
    if (!merged.tuning_seed) {
      merged.tuning_seed = part.tuning_seed;
      merged.learning_rates = part.learning_rates;
    }
    add_missing(merged.commands, part.commands);
    add_missing(merged.notes, part.notes);
    merge_runs(merged.runs, part.runs);
    add_missing_arms(merged.noise, part.noise);
    add_missing_pairs(merged.pairs, part.pairs);
    if (merged.grid.empty()) merged.grid.keys = part.grid.keys;
    if (merged.grid.keys == part.grid.keys) add_missing_arms(merged.grid.arms, part.grid.arms);
  }
  return merged;
}

Experiment experiment_from_arms(const std::vector<ArmPaths>& arms, const Mapping& mapping) {
  util::require(arms.size() >= 2, "--arm: must be given twice or more, got ", arms.size());
  Experiment experiment;
  experiment.one_recipe = false;
  experiment.baseline = arms.front().name;
  for (const ArmPaths& arm : arms) {
    add_missing(experiment.arms, {arm.name});
    util::require(!arm.paths.empty(), "report: arm ", arm.name,
                  " must name one path or more, got none");
    for (std::size_t i = 0; i < arm.paths.size(); ++i) {
      const std::filesystem::path& path = arm.paths[i];
      metrics::RunHeader header;
      if (std::optional<MappedRun> foreign = read_foreign(path, mapping, arm.name, i)) {
        util::require(foreign->missing.empty(), path.string(), " (", arm.name, "), read from ",
                      foreign->used, ": a comparison also needs ",
                      util::join(foreign->missing, ", "),
                      "; give each by --map KEY=VALUE or --map ", arm.name, ":KEY=VALUE");
        header = foreign->records.header;
        add_missing(experiment.notes, {"Read from " + foreign->used +
                                       ". What the records do not hold was given on the command "
                                       "line and was not checked."});
        experiment.foreign[std::filesystem::absolute(path).lexically_normal().string()] =
            std::move(foreign->records);
      } else {
        header = metrics::read_run(path).header;
      }
      RunEntry run;
      run.arm = arm.name;
      run.seed = header.seed;
      run.learning_rate = header.learning_rate;
      run.budget = header.budget;
      run.folder = std::filesystem::absolute(path).lexically_normal().string();
      experiment.runs.push_back(run);
    }
  }
  util::require(experiment.arms.size() == arms.size(),
                "report: each --arm must have a name of its own");
  experiment.title = util::join(experiment.arms, " and ");
  return experiment;
}

}  // namespace superpose::report
