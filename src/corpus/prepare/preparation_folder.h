// The working folder of a preparation: one process at a time, and what a killed one left is kept.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "util/file_lock.h"

namespace superpose::corpus {

// The folder in which a corpus is prepared, "<final>.partial", for one process at a time
// ("<final>.lock"). Its name is the same for every process, so that what a killed one left can be
// resumed.
class PreparationFolder {
 public:
  // Waits while another process works on the same corpus; `on_wait` is called once before that.
  PreparationFolder(std::filesystem::path final_path, const std::function<void()>& on_wait);
  ~PreparationFolder();
  PreparationFolder(const PreparationFolder&) = delete;
  PreparationFolder& operator=(const PreparationFolder&) = delete;

  // The corpus is there: another process has finished it meanwhile, or had no time to rename it.
  bool is_finished() const;

  const std::filesystem::path& path() const { return partial_; }

  // Puts the folder on the disk under its final name.
  void commit();

  // Removes all that is in it.
  void clear() const;
  // Removes it with all that is in it.
  void discard() const;

 private:
  void lock(const std::function<void()>& on_wait);
  void unlock();

  std::filesystem::path final_;
  std::filesystem::path partial_;
  std::filesystem::path lock_path_;
  std::optional<util::FileLock> lock_;
};

// Removes the partial folder of `final_path` unless a process works on it. Whether it is gone.
bool remove_partial(const std::filesystem::path& final_path);

}  // namespace superpose::corpus
