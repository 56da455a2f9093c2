// Locks between processes.
#pragma once

#include <filesystem>
#include <system_error>
#include <utility>

#include "util/file_descriptor.h"

namespace superpose::util {

// Whether to wait while another process holds a lock.
enum class Wait { kNo, kYes };

// A lock on an open file or folder. It goes with this object, or with the process, however it ends.
// Some file systems lock no folders (NFS).
class FileLock {
 public:
  // Nothing is locked before lock().
  explicit FileLock(FileDescriptor file) : file_(std::move(file)) {}

  // None once the lock is held; errc::operation_would_block where another process holds it and
  // nobody waits; else the reason of the operating system.
  std::error_code lock(Wait wait);

  // Whether `path` still names the locked file.
  bool is_at(const std::filesystem::path& path) const;

 private:
  FileDescriptor file_;
};

}  // namespace superpose::util
