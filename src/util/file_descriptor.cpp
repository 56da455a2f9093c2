#include "util/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "util/error.h"

namespace superpose::util {

void fail_errno(const std::filesystem::path& path, std::string_view what) {
  const int code = errno;
  fail(path.string(), ": ", what, ": ", std::strerror(code));
}

FileDescriptor::FileDescriptor(const std::filesystem::path& path, int flags, std::string_view what)
    : value_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
  if (value_ < 0) fail_errno(path, what);
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : value_(std::exchange(other.value_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(value_, other.value_);
  return *this;
}

void FileDescriptor::write(std::span<const std::byte> bytes,
                           const std::filesystem::path& path) const {
  while (!bytes.empty()) {
    const ssize_t written = ::write(value_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_errno(path, "cannot write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void FileDescriptor::close_checked(const std::filesystem::path& path) {
  if (::close(std::exchange(value_, -1)) != 0) fail_errno(path, "cannot close");
}

void FileDescriptor::close() {
  if (value_ >= 0) ::close(std::exchange(value_, -1));
}

}  // namespace superpose::util
