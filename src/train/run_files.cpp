#include "train/run_files.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "metrics/reader.h"
#include "train/run_folder.h"
#include "train/run_state.h"
#include "train/setting_changes.h"
#include "util/error.h"
#include "util/file_names.h"

namespace superpose::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWaysOn = "name another run.dir, or give --overwrite";

// The settings of the run that the folder holds; none where it holds none.
std::vector<util::Setting> settings_of_run(const fs::path& folder) {
  const auto newest =
      checkpoint::latest_valid(checkpoints_folder(folder), {}, checkpoint::Check::kSizes);
  if (newest) {
    const util::Json state = checkpoint::open(*newest, checkpoint::Check::kSizes).state;
    return run_state_from_json(state, newest->string()).settings;
  }
  if (metrics::find_records(metrics_file(folder)) != metrics::FoundRecords::kSome) return {};
  return metrics::read_json_lines(metrics_file(folder)).header.settings;
}

// Whether the text is the resolved recipe of those settings: it has a line of its own for every
// key, which no recipe written by hand has. Keys that may change at a resume are not looked at;
// nor are lists of tables, which take several lines.
bool is_resolved(const std::string& text, const std::vector<util::Setting>& settings) {
  const auto has_line = [&](const util::Setting& setting) {
    if (setting.operational || setting.value.starts_with("[{")) return true;
    const std::string name = setting.key.substr(setting.key.rfind('.') + 1);
    return ("\n" + text).find("\n" + name + " = " + setting.value + "\n") != std::string::npos;
  };
  return !settings.empty() && std::all_of(settings.begin(), settings.end(), has_line);
}

// A run folder of a version that wrote no markers holds a resolved recipe.
util::OutputFolder output_of(const RunSpec& spec) {
  const fs::path folder = spec.config.run.dir;
  const auto recognize = [folder](const std::string&, const std::string& content) {
    return is_resolved(content, settings_of_run(folder));
  };
  return util::OutputFolder(folder, spec.overwrite, recognize);
}

void check_checkpoints(const fs::path& checkpoints) {
  const auto type = fs::status(checkpoints).type();
  util::require(type == fs::file_type::not_found || type == fs::file_type::directory,
                checkpoints.string(),
                ": exists but is not a folder: move it, or name another run.dir");
  checkpoint::require_no_foreign(checkpoints, "move it, or name another run.dir");
}

// Records of a run from step 0 that this one would replace by its own. A run that ended before its
// first checkpoint is begun again: no more is lost than the time that it took.
void check_replaced_records(const RunSpec& spec) {
  const fs::path file = metrics_file(spec.config.run.dir);
  const metrics::RunRecords records = metrics::read_json_lines(file);
  const bool had_checkpoint =
      std::any_of(records.events.begin(), records.events.end(),
                  [](const auto& event) { return event.kind == metrics::EventKind::kCheckpoint; });
  util::require(!had_checkpoint, file.string(),
                ": its run has no checkpoint any more to resume from, and a new one would replace "
                "these records: ",
                kWaysOn);
  const std::vector<metrics::ParentInfo>& parents = records.header.parents;
  util::require(parents.empty() || spec.start_from, file.string(),
                ": the run that wrote these records began with --from ",
                parents.empty() ? "" : parents.back().folder,
                ", and one without it would replace them: give it again, ", kWaysOn);
  util::require(
      setting_changes(records.header.settings, spec.settings).empty(), file.string(),
      ": a run of another recipe wrote these records, and this one would replace them: ", kWaysOn);
}

void check_records(const RunSpec& spec) {
  const fs::path folder = spec.config.run.dir;
  const fs::path file = metrics_file(folder);
  const fs::file_type type = fs::symlink_status(file).type();
  if (type == fs::file_type::not_found) return;
  util::require(type == fs::file_type::regular || type == fs::file_type::symlink, file.string(),
                ": cannot write here: ", util::what_lies_at(file),
                " has this name; move it, or name another run.dir");
  if (spec.overwrite == util::Overwrite::kAny) return;
  const metrics::FoundRecords found = metrics::find_records(file);
  const bool resumes = !checkpoint::list(checkpoints_folder(folder)).empty();
  // A link is the user's. Records that it leads to are appended to, never replaced.
  util::require(type == fs::file_type::regular ? found != metrics::FoundRecords::kForeign
                                               : resumes && found == metrics::FoundRecords::kSome,
                file.string(), ": must not be replaced (it holds no records of a run): ", kWaysOn);
  if (!resumes && found == metrics::FoundRecords::kSome) check_replaced_records(spec);
}

}  // namespace

void check_run_folder(const RunSpec& spec) {
  const util::OutputFolder output = output_of(spec);
  const fs::path resolved = fs::path(spec.config.run.dir) / util::kRecipeFile;
  std::error_code error;
  const bool is_given =
      !spec.recipe_file.empty() && fs::equivalent(spec.recipe_file, resolved, error);
  util::require(
      !is_given || output.is_own(util::kRecipeFile), resolved.string(),
      ": is the recipe that was given, and the run would write its resolved recipe in its "
      "place: set another run.dir");
  util::require(fs::exists(metrics_file(spec.config.run.dir)) ||
                    !fs::exists(fs::path(spec.config.run.dir) / util::kExperimentFile),
                "run.dir: ", spec.config.run.dir,
                " is the folder of a comparison; give the run a folder of its own");
  output.check({util::kRecipeFile});
  check_checkpoints(checkpoints_folder(spec.config.run.dir));
  check_records(spec);
}

void write_recipe(const RunSpec& spec) {
  output_of(spec).write(util::kRecipeFile, spec.recipe_toml);
}

}  // namespace superpose::train
