#include "train/run_folder.h"

#include <fcntl.h>

#include <system_error>

#include "util/error.h"
#include "util/file_names.h"

namespace superpose::train {

namespace {

util::FileDescriptor open_lock(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  util::require(!error, "run folder ", folder.string(), ": cannot create it: ", error.message());
  return {folder / ".lock", O_RDWR | O_CREAT, "cannot open"};
}

}  // namespace

RunFolder::RunFolder(const std::filesystem::path& path) : lock_(open_lock(path)) {
  const std::error_code error = lock_.lock(util::Wait::kNo);
  util::require(error != std::errc::operation_would_block, "run folder ", path.string(),
                ": another process is training in it");
  util::require(!error, "run folder ", path.string(), ": cannot lock it, ", error.message());
}

std::filesystem::path checkpoints_folder(const std::filesystem::path& run_folder) {
  return run_folder / util::kCheckpointsFolder;
}

std::filesystem::path metrics_file(const std::filesystem::path& run_folder) {
  return run_folder / util::kRecordsFile;
}

}  // namespace superpose::train
