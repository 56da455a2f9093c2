// trainer_state.json of Hugging Face's Trainer: its log_history, a list of objects with "step" and
// numbers. Of a folder with checkpoints the last checkpoint's counts.
#include <algorithm>
#include <charconv>

#include "report/trainers/trainer_log.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::report {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCheckpoint = "checkpoint-";

// The file of a folder; empty where there is none.
fs::path state_file(const fs::path& folder) {
  if (fs::exists(folder / "trainer_state.json")) return folder / "trainer_state.json";
  fs::path last;
  std::int64_t last_step = -1;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kCheckpoint) || !fs::exists(entry.path() / "trainer_state.json"))
      continue;
    std::int64_t step = 0;
    std::from_chars(name.data() + kCheckpoint.size(), name.data() + name.size(), step);
    if (step <= last_step) continue;
    last_step = step;
    last = entry.path() / "trainer_state.json";
  }
  return last;
}

bool recognizes(const fs::path& path, std::string_view head) {
  if (fs::is_directory(path)) return !state_file(path).empty();
  return path.extension() == ".json" && head.find("\"log_history\"") != std::string_view::npos;
}

TrainerLog read(const fs::path& path) {
  const fs::path file = fs::is_directory(path) ? state_file(path) : path;
  const util::Json json = util::parse_json(util::read_file(file), file.string());
  const auto history = json.find("log_history");
  util::require(json.is_object() && history != json.end() && history->is_array(), file.string(),
                ": must hold a list log_history");
  TrainerLog log;
  for (const util::Json& entry : *history) {
    util::require(entry.is_object() && entry.contains("step") && entry["step"].is_number_integer(),
                  file.string(), ": each of log_history must hold a whole step, got ",
                  util::shown(entry));
    const auto step = entry["step"].get<std::int64_t>();
    for (const auto& [name, value] : entry.items()) {
      if (name != "step" && value.is_number()) log.add(name, step, value.get<double>());
    }
  }
  const auto total = json.find("max_steps");
  if (total != json.end() && total->is_number_integer()) log.total_steps = *total;
  return log;
}

}  // namespace

const LogReader kTrainerStateReader = {"Hugging Face trainer_state.json",
                                       recognizes,
                                       read,
                                       {{"loss", "eval_loss"},
                                        {"train_loss", "loss"},
                                        {"learning_rate", "learning_rate"},
                                        {"gradient_norm", "grad_norm"}}};

}  // namespace superpose::report
