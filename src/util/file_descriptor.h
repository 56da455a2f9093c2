// The owner of an open file, folder, pipe or socket.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace superpose::util {

// Throws Error "<path>: <what>: <reason>"; the reason is that of errno.
[[noreturn]] void fail_errno(const std::filesystem::path& path, std::string_view what);

// A file descriptor, closed at the end of the scope.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  // What open, socket and their like return; below 0: none.
  explicit FileDescriptor(int value) : value_(value) {}
  // Opens a file with these flags (O_CLOEXEC always). Throws Error "<path>: <what>: <reason>".
  FileDescriptor(const std::filesystem::path& path, int flags, std::string_view what);
  ~FileDescriptor() { close(); }
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;

  int get() const { return value_; }  // below 0: none
  bool is_open() const { return value_ >= 0; }

  // Writes everything. Throws Error.
  void write(std::span<const std::byte> bytes, const std::filesystem::path& path) const;

  // A full disk behind a network file system may be reported only here: throws Error then.
  void close_checked(const std::filesystem::path& path);
  void close();

 private:
  int value_ = -1;
};

}  // namespace superpose::util
