#include "checkpoint/file_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "util/error.h"

namespace superpose::checkpoint {
namespace {

// Hashed and handed to the kernel in chunks that are still in the cache the second time.
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

[[noreturn]] void fail_errno(const std::filesystem::path& path, const char* what) {
  const int code = errno;
  util::fail(path.string(), ": ", what, ": ", std::strerror(code));
}

}  // namespace

FileWriter::FileWriter(std::filesystem::path path)
    : path_(std::move(path)),
      descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail_errno(path_, "cannot create");
}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FileWriter::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), kPieceBytes));
    const ssize_t count = ::write(descriptor_, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_errno(path_, "cannot write");
    const auto written = static_cast<std::size_t>(count);
    hasher_.update(piece.first(written));
    size_ += written;
    bytes = bytes.subspan(written);
  }
}

void FileWriter::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

FileDigest FileWriter::finish() {
  if (::close(std::exchange(descriptor_, -1)) != 0) fail_errno(path_, "cannot close");
  return {.size = size_, .xxh3 = hasher_.digest64()};
}

FileDigest write_text(const std::filesystem::path& path, std::string_view text) {
  FileWriter file(path);
  file.write(text);
  return file.finish();
}

}  // namespace superpose::checkpoint
