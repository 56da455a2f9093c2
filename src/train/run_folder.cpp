#include "train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "util/error.h"

namespace superpose::train {

RunFolder::RunFolder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  util::require(!error, "run folder ", path.string(), ": cannot create it: ", error.message());
  const std::string name = (path / ".lock").string();
  lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  util::require(lock_ >= 0, "run folder ", path.string(), ": cannot open ", name, ": ",
                std::strerror(errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    ::close(lock_);
    if (reason == EWOULDBLOCK) {
      util::fail("run folder ", path.string(), ": another process is training in it");
    }
    util::fail("run folder ", path.string(), ": cannot lock it, ", std::strerror(reason));
  }
}

RunFolder::~RunFolder() { ::close(lock_); }

std::filesystem::path checkpoints_folder(const std::filesystem::path& run_folder) {
  return run_folder / "checkpoints";
}

std::filesystem::path metrics_file(const std::filesystem::path& run_folder) {
  return run_folder / "metrics.jsonl";
}

}  // namespace superpose::train
