#include "util/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "util/error.h"

namespace superpose::util {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;

}  // namespace

AppendFile::AppendFile(std::filesystem::path path, std::uint64_t size)
    : path_(std::move(path)), file_(path_, O_WRONLY | O_CREAT, "cannot write"), size_(size) {
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) fail_errno(path_, "cannot stat");
  const auto found = static_cast<std::uint64_t>(status.st_size);
  require(found >= size, path_.string(), ": must hold ", size, " bytes at least, got ", found);
  if (found > size && ::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) {
    fail_errno(path_, "cannot cut off");
  }
  if (::lseek(file_.get(), 0, SEEK_END) < 0) fail_errno(path_, "cannot seek");
}

void AppendFile::append(std::span<const std::byte> bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  size_ += bytes.size();
  if (buffer_.size() >= kBufferBytes) flush();
}

void AppendFile::flush() {
  file_.write(buffer_, path_);
  buffer_.clear();
}

void AppendFile::sync() {
  flush();
  if (::fsync(file_.get()) != 0) fail_errno(path_, "cannot flush");
}

void AppendFile::close() {
  sync();
  file_.close_checked(path_);
}

}  // namespace superpose::util
