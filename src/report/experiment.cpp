#include "report/experiment.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

#include "metrics/reader.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"
#include "util/text.h"

namespace superpose::report {
namespace {

using util::Json;

constexpr std::array<std::string_view, 4> kRoleNames = {"trunk", "branch", "final", "tuning"};

Json run_to_json(const RunEntry& run) {
  Json json;
  json["arm"] = run.arm;
  json["seed"] = run.seed;
  json["learning_rate"] = run.learning_rate;
  json["budget"] = run.budget;
  json["role"] = kRoleNames.at(static_cast<std::size_t>(run.role));
  json["folder"] = run.folder;
  if (!run.parent.empty()) {
    json["parent"] = run.parent;
    json["parent_step"] = run.parent_step;
  }
  return json;
}

// Field of an object, with errors that name it.
template <class T>
T field(const Json& json, const char* name, const std::string& where) {
  const auto found = json.find(name);
  util::require(found != json.end() && !found->is_null(), where, ": missing field '", name, "'");
  try {
    return found->get<T>();
  } catch (const Json::exception&) {
    util::fail(where, ": field '", name, "': wrong type, got ", found->dump().substr(0, 60));
  }
}

template <class T>
T field_or(const Json& json, const char* name, const std::string& where, T otherwise) {
  return json.contains(name) && !json[name].is_null() ? field<T>(json, name, where) : otherwise;
}

Role role_from(const std::string& name, const std::string& where) {
  const auto* found = std::find(kRoleNames.begin(), kRoleNames.end(), name);
  util::require(found != kRoleNames.end(), where,
                ": field 'role': expected trunk, branch, final or tuning, got ", name);
  return static_cast<Role>(found - kRoleNames.begin());
}

std::string absolute_folder(const std::string& folder, const std::filesystem::path& base) {
  return folder.empty() ? folder : (base / folder).lexically_normal().string();
}

RunEntry run_from_json(const Json& json, const std::string& where,
                       const std::filesystem::path& base) {
  util::require(json.is_object(), where, ": must be an object, got ", json.type_name());
  RunEntry run;
  run.arm = field<std::string>(json, "arm", where);
  run.seed = field<std::int64_t>(json, "seed", where);
  run.learning_rate = field<double>(json, "learning_rate", where);
  run.budget = field<double>(json, "budget", where);
  run.role = role_from(field<std::string>(json, "role", where), where);
  run.folder = absolute_folder(field<std::string>(json, "folder", where), base);
  run.parent = absolute_folder(field_or<std::string>(json, "parent", where, ""), base);
  if (!run.parent.empty()) run.parent_step = field<std::int64_t>(json, "parent_step", where);
  return run;
}

// The place that a run fills. A result's rate is not part of it: a part that has not tuned yet does
// not know it.
auto place(const RunEntry& run) {
  const double rate = run.role == Role::kTuning ? run.learning_rate : 0;
  return std::tuple(run.arm, run.seed, rate, run.budget, run.role);
}

bool is_finished(const RunEntry& run) {
  const std::filesystem::path records = std::filesystem::path(run.folder) / "metrics.jsonl";
  return std::filesystem::exists(records) && metrics::read_json_lines(records).summary.has_value();
}

void add_missing(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const std::string& text : from) {
    if (std::find(to.begin(), to.end(), text) == to.end()) to.push_back(text);
  }
}

void merge_runs(std::vector<RunEntry>& to, const std::vector<RunEntry>& from) {
  for (const RunEntry& run : from) {
    const auto same = std::find_if(
        to.begin(), to.end(), [&](const RunEntry& other) { return place(other) == place(run); });
    if (same == to.end()) {
      to.push_back(run);
    } else if (!is_finished(*same) && std::filesystem::exists(run.folder)) {
      *same = run;
    }
  }
}

}  // namespace

void write_experiment(const std::filesystem::path& folder, const Experiment& experiment) {
  Json json;
  json["schema"] = kExperimentSchema;
  json["title"] = experiment.title;
  json["baseline"] = experiment.baseline;
  json["arms"] = experiment.arms;
  json["tuning_seed"] = experiment.tuning_seed ? Json(*experiment.tuning_seed) : Json();
  json["learning_rates"] = experiment.learning_rates;
  json["recipe_name"] = experiment.recipe_name;
  json["recipe_text"] = experiment.recipe_text;
  json["recipe_fingerprint"] = experiment.recipe_fingerprint;
  json["commands"] = experiment.commands;
  json["notes"] = experiment.notes;
  json["runs"] = Json::array();
  for (const RunEntry& run : experiment.runs) json["runs"].push_back(run_to_json(run));
  util::write_file_atomic(folder / kExperimentFile,
                          json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Experiment read_experiment(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kExperimentFile;
  const std::string where = path.string();
  const Json json = util::parse_json(util::read_file(path), where);
  util::require(json.is_object(), where, ": must be an object, got ", json.type_name());
  const auto schema = field<std::int64_t>(json, "schema", where);
  util::require(schema >= 1 && schema <= kExperimentSchema, where, ": schema must be 1 to ",
                kExperimentSchema, " for this version, got ", schema);
  Experiment experiment;
  experiment.title = field_or<std::string>(json, "title", where, "");
  experiment.baseline = field<std::string>(json, "baseline", where);
  experiment.arms = field<std::vector<std::string>>(json, "arms", where);
  if (json.contains("tuning_seed") && !json["tuning_seed"].is_null()) {
    experiment.tuning_seed = field<std::int64_t>(json, "tuning_seed", where);
  }
  experiment.learning_rates = field_or<std::vector<double>>(json, "learning_rates", where, {});
  experiment.recipe_name = field_or<std::string>(json, "recipe_name", where, "");
  experiment.recipe_text = field_or<std::string>(json, "recipe_text", where, "");
  experiment.recipe_fingerprint = field<std::string>(json, "recipe_fingerprint", where);
  experiment.commands = field_or<std::vector<std::string>>(json, "commands", where, {});
  experiment.notes = field_or<std::vector<std::string>>(json, "notes", where, {});
  const auto runs = json.find("runs");
  util::require(runs != json.end() && runs->is_array(), where, ": missing field 'runs' (a list)");
  const std::filesystem::path base = std::filesystem::absolute(folder);
  for (std::size_t i = 0; i < runs->size(); ++i) {
    experiment.runs.push_back(
        run_from_json((*runs)[i], where + ": runs[" + std::to_string(i) + "]", base));
  }
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
    add_missing(merged.arms, part.arms);
    add_missing(merged.commands, part.commands);
    add_missing(merged.notes, part.notes);
    merge_runs(merged.runs, part.runs);
  }
  return merged;
}

Experiment experiment_from_arms(const std::vector<ArmPaths>& arms) {
  util::require(arms.size() >= 2, "report: --arm must be given twice or more, got ", arms.size());
  Experiment experiment;
  experiment.one_recipe = false;
  experiment.baseline = arms.front().name;
  for (const ArmPaths& arm : arms) {
    add_missing(experiment.arms, {arm.name});
    util::require(!arm.paths.empty(), "report: arm ", arm.name,
                  " must name one path or more, got none");
    for (const std::filesystem::path& path : arm.paths) {
      const metrics::RunHeader header = metrics::read_run(path).header;
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
