#include "corpus/prepare/preparation_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "util/error.h"
#include "util/files.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

fs::path with_ending(fs::path path, const char* ending) { return path += ending; }

util::FileLock open_lock(const fs::path& path) {
  util::FileDescriptor file(path, O_RDWR | O_CREAT | O_NOFOLLOW, "cannot create");
  // It is removed in the end, so it must be one of ours: they are empty.
  struct stat status {};
  util::require(
      ::fstat(file.get(), &status) == 0 && status.st_size == 0, path.string(),
      ": exists but is not a lock file of superpose; move it, or name another data.cache_dir");
  return util::FileLock(std::move(file));
}

// Whether the lock is ours; false where another process has it and nobody waits.
bool take_lock(util::FileLock& lock, util::Wait wait, const fs::path& path) {
  const std::error_code error = lock.lock(wait);
  if (error == std::errc::operation_would_block) return false;
  util::require(!error, path.string(), ": cannot lock: ", error.message());
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

// Who unlocks the file removes it, too, so what was waited for may have another name by now.
void PreparationFolder::lock(const std::function<void()>& on_wait) {
  bool said = false;
  do {
    lock_ = open_lock(lock_path_);
    if (take_lock(*lock_, util::Wait::kNo, lock_path_)) continue;
    if (!std::exchange(said, true)) on_wait();
    take_lock(*lock_, util::Wait::kYes, lock_path_);
  } while (!lock_->is_at(lock_path_));
}

void PreparationFolder::unlock() {
  ::unlink(lock_path_.c_str());
  lock_.reset();
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
  util::FileLock lock = open_lock(path);
  if (!take_lock(lock, util::Wait::kNo, path) || !lock.is_at(path)) return false;
  std::error_code ignored;
  fs::remove_all(with_ending(final_path, ".partial"), ignored);
  ::unlink(path.c_str());
  return true;
}

}  // namespace superpose::corpus
