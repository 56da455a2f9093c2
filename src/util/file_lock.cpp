#include "util/file_lock.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

namespace superpose::util {

std::error_code FileLock::lock(Wait wait) {
  while (::flock(file_.get(), LOCK_EX | (wait == Wait::kNo ? LOCK_NB : 0)) != 0) {
    if (errno != EINTR) return {errno, std::generic_category()};
  }
  return {};
}

bool FileLock::is_at(const std::filesystem::path& path) const {
  struct stat open {};
  struct stat named {};
  return ::fstat(file_.get(), &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

}  // namespace superpose::util
