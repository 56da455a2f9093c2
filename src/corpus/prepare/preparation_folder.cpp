#include "corpus/prepare/preparation_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "util/error.h"
#include "util/files.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

fs::path with_ending(fs::path path, const char* ending) { return path += ending; }

// Whether `path` still names the file that is open: who unlocks a file removes it, too.
bool is_same_file(int descriptor, const fs::path& path) {
  struct stat open {};
  struct stat named {};
  return ::fstat(descriptor, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

int open_lock(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  util::require(descriptor >= 0, path.string(), ": cannot create: ", std::strerror(errno));
  // It is removed in the end, so it must be one of ours: they are empty.
  struct stat status {};
  const bool is_lock = ::fstat(descriptor, &status) == 0 && status.st_size == 0;
  if (is_lock) return descriptor;
  ::close(descriptor);
  util::fail(
      path.string(),
      ": exists but is not a lock file of superpose; move it, or name another data.cache_dir");
}

// Whether the lock is ours; false where another process has it and `waits` is not.
bool take_lock(int descriptor, bool waits, const fs::path& path) {
  while (::flock(descriptor, LOCK_EX | (waits ? 0 : LOCK_NB)) != 0) {
    if (errno == EWOULDBLOCK) return false;
    util::require(errno == EINTR, path.string(), ": cannot lock: ", std::strerror(errno));
  }
  return true;
}

}  // namespace

PreparationFolder::PreparationFolder(fs::path final_path, const std::function<void()>& on_wait)
    : final_(std::move(final_path)),
      partial_(with_ending(final_, ".partial")),
      lock_path_(with_ending(final_, ".lock")) {
  std::error_code error;
  fs::create_directories(final_.parent_path(), error);
  util::require(!error, final_.parent_path().string(), ": cannot create folder: ", error.message());
  lock(on_wait);
  if (is_finished()) return;
  fs::create_directories(partial_, error);
  if (!error) return;
  unlock();
  util::fail(partial_.string(), ": cannot create folder: ", error.message());
}

PreparationFolder::~PreparationFolder() { unlock(); }

void PreparationFolder::lock(const std::function<void()>& on_wait) {
  bool said = false;
  while (true) {
    lock_ = open_lock(lock_path_);
    if (!take_lock(lock_, false, lock_path_)) {
      if (!std::exchange(said, true)) on_wait();
      take_lock(lock_, true, lock_path_);
    }
    if (is_same_file(lock_, lock_path_)) return;
    ::close(lock_);
  }
}

void PreparationFolder::unlock() {
  ::unlink(lock_path_.c_str());
  ::close(lock_);
}

bool PreparationFolder::is_finished() const { return fs::exists(final_); }

void PreparationFolder::commit() {
  util::fsync_file(partial_);
  std::error_code error;
  fs::rename(partial_, final_, error);
  util::require(!error, final_.string(), ": cannot rename into place: ", error.message());
  util::fsync_file(final_.parent_path());
}

void PreparationFolder::clear() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(partial_, error)) fs::remove_all(entry, error);
  util::require(!error, partial_.string(), ": cannot clear: ", error.message());
}

void PreparationFolder::discard() const {
  std::error_code ignored;
  fs::remove_all(partial_, ignored);
}

bool remove_partial(const fs::path& final_path) {
  const fs::path path = with_ending(final_path, ".lock");
  const int descriptor = open_lock(path);
  const bool is_ours = take_lock(descriptor, false, path) && is_same_file(descriptor, path);
  if (is_ours) {
    std::error_code ignored;
    fs::remove_all(with_ending(final_path, ".partial"), ignored);
    ::unlink(path.c_str());
  }
  ::close(descriptor);
  return is_ours;
}

}  // namespace superpose::corpus
