#include "train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "util/error.h"
#include "util/files.h"

namespace superpose::train {

RunFolder::RunFolder(const std::filesystem::path& path) : path_(path) {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  util::require(!error, "run folder ", path_.string(), ": cannot create it, ", error.message());
  const std::string name = (path_ / ".lock").string();
  lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  util::require(lock_ >= 0, "run folder ", path_.string(), ": cannot open ", name, ", ",
                std::strerror(errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    ::close(lock_);
    if (reason == EWOULDBLOCK) {
      util::fail("run folder ", path_.string(), ": another process is training in it");
    }
    util::fail("run folder ", path_.string(), ": cannot lock it, ", std::strerror(reason));
  }
}

RunFolder::~RunFolder() { ::close(lock_); }

void RunFolder::write_recipe(const std::string& toml) const {
  util::write_file_atomic(path_ / "recipe.toml", toml);
}

std::filesystem::path checkpoints_folder(const std::filesystem::path& run_folder) {
  return run_folder / "checkpoints";
}

std::filesystem::path metrics_file(const std::filesystem::path& run_folder) {
  return run_folder / "metrics.jsonl";
}

}  // namespace superpose::train
