// The folder of one run: recipe.toml, metrics.jsonl, events.out.tfevents.*, checkpoints/.
#pragma once

#include <filesystem>

#include "util/file_lock.h"

namespace superpose::train {

// Creates the folder where it does not exist and holds it locked, so that two processes never train
// in one folder. The lock goes with the process, however it ends. One rank of a run opens it.
class RunFolder {
 public:
  // Throws util::Error where the folder cannot be made or another process holds it.
  explicit RunFolder(const std::filesystem::path& path);

 private:
  util::FileLock lock_;  // of <path>/.lock
};

std::filesystem::path checkpoints_folder(const std::filesystem::path& run_folder);
std::filesystem::path metrics_file(const std::filesystem::path& run_folder);

}  // namespace superpose::train
