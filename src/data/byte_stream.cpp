#include "data/byte_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "data/decoders.h"
#include "data/file_ending.h"
#include "util/error.h"

namespace superpose::data {
namespace {

namespace fs = std::filesystem;

class RawFile final : public ByteStream {
 public:
  explicit RawFile(const fs::path& path)
      : name_(path.string()), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file_ < 0) fail_errno("cannot open");
    struct stat status {};
    const bool known = ::fstat(file_, &status) == 0;
    if (known && !S_ISDIR(status.st_mode)) {
      // Only a hint: pipes refuse it.
      ::posix_fadvise(file_, 0, 0, POSIX_FADV_SEQUENTIAL);
      return;
    }
    ::close(file_);
    util::fail(name_, ": expected a file, got ", known ? "a folder" : "none");
  }
  ~RawFile() override { ::close(file_); }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  std::size_t read(std::span<char> out) override {
    ssize_t count = 0;
    do {
      count = ::read(file_, out.data(), out.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) fail_errno("cannot read");
    bytes_read_ += count;
    return static_cast<std::size_t>(count);
  }

  std::int64_t bytes_read() const override { return bytes_read_; }

 private:
  [[noreturn]] void fail_errno(const char* what) const {
    const int code = errno;
    util::fail(name_, ": ", what, ": ", std::strerror(code));
  }

  std::string name_;
  int file_;
  std::int64_t bytes_read_ = 0;
};

struct Compression {
  std::string_view ending;
  std::unique_ptr<ByteStream> (*open)(const fs::path& path);
};
constexpr std::array kCompressions = {Compression{".gz", open_gzip}, Compression{".zst", open_zstd},
                                      Compression{".xz", open_xz}};

const Compression* compression_of(const fs::path& path) {
  const std::string ending = file_ending(path);
  for (const Compression& compression : kCompressions) {
    if (ending == compression.ending) return &compression;
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<ByteStream> open_raw(const fs::path& path) {
  return std::make_unique<RawFile>(path);
}

std::unique_ptr<ByteStream> open_decompressed(const fs::path& path) {
  const Compression* compression = compression_of(path);
  return compression == nullptr ? open_raw(path) : compression->open(path);
}

fs::path without_compression_ending(const fs::path& path) {
  if (compression_of(path) == nullptr) return path;
  fs::path result = path;
  return result.replace_extension();
}

}  // namespace superpose::data
