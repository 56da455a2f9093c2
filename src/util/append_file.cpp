#include "util/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "util/error.h"

namespace superpose::util {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;

}  // namespace

AppendFile::AppendFile(std::filesystem::path path, std::uint64_t size)
    : path_(std::move(path)), size_(size) {
  const auto check = [&](bool ok, const char* what) {
    if (ok) return;
    const int code = errno;
    if (descriptor_ >= 0) ::close(descriptor_);
    fail(path_.string(), ": ", what, ": ", std::strerror(code));
  };
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  check(descriptor_ >= 0, "cannot write");
  struct stat status {};
  check(::fstat(descriptor_, &status) == 0, "cannot stat");
  if (static_cast<std::uint64_t>(status.st_size) < size) {
    ::close(descriptor_);
    fail(path_.string(), ": must hold ", size, " bytes at least, got ", status.st_size);
  }
  check(::ftruncate(descriptor_, static_cast<off_t>(size)) == 0, "cannot cut off");
  check(::lseek(descriptor_, 0, SEEK_END) >= 0, "cannot seek");
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(std::exchange(other.size_, 0)),
      buffer_(std::move(other.buffer_)) {}

void AppendFile::append(std::span<const std::byte> bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  size_ += bytes.size();
  if (buffer_.size() >= kBufferBytes) flush();
}

void AppendFile::flush() {
  std::span<const std::byte> rest(buffer_);
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    require(written >= 0, path_.string(), ": cannot write: ", std::strerror(errno));
    rest = rest.subspan(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

void AppendFile::sync() {
  flush();
  require(::fsync(descriptor_) == 0, path_.string(), ": cannot flush: ", std::strerror(errno));
}

void AppendFile::close() {
  sync();
  const int descriptor = std::exchange(descriptor_, -1);
  require(::close(descriptor) == 0, path_.string(), ": cannot close: ", std::strerror(errno));
}

}  // namespace superpose::util
