// The run may write its folder, and replaces nothing of the user's there.
#include <filesystem>

#include "doctor/checks.h"
#include "doctor/subject.h"
#include "util/error.h"
#include "util/files.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

namespace fs = std::filesystem;

// The folder, or the nearest one above it that is there.
fs::path existing_folder(const fs::path& folder) {
  fs::path place = fs::absolute(folder).lexically_normal();
  std::error_code error;
  while (!fs::exists(place, error) && place.has_relative_path()) place = place.parent_path();
  util::require(fs::is_directory(place, error), "run.dir: ", place.string(),
                " is not a folder, so ", folder.string(), " cannot be made");
  return place;
}

}  // namespace

Outcome check_run_folder(Subject& subject) {
  const fs::path folder = subject.spec.config.run.dir;
  train::check_run_folder(subject.spec);
  const fs::path place = existing_folder(folder);
  {
    const util::AtomicDirectory trial(place / "superpose-doctor");  // never committed: removed
    util::write_file_atomic(trial.path() / "trial", "can this be written?\n");
  }
  return {.found = fs::absolute(folder).lexically_normal().string() + " can be written; " +
                   util::format_bytes(util::free_disk_bytes(place)) + " free"};
}

}  // namespace superpose::doctor
