#include "corpus/streams/byte_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "corpus/streams/decoders.h"
#include "corpus/streams/file_ending.h"
#include "util/error.h"
#include "util/file_descriptor.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

class RawFile final : public ByteStream {
 public:
  explicit RawFile(const fs::path& path) : path_(path), file_(path, O_RDONLY, "cannot open") {
    struct stat status {};
    const bool known = ::fstat(file_.get(), &status) == 0;
    util::require(known && !S_ISDIR(status.st_mode), path.string(), ": expected a file, got ",
                  known ? "a folder" : "none");
    // Only a hint: pipes refuse it.
    ::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }

  std::size_t read(std::span<char> out) override {
    ssize_t count = 0;
    do {
      count = ::read(file_.get(), out.data(), out.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) util::fail_errno(path_, "cannot read");
    bytes_read_ += count;
    return static_cast<std::size_t>(count);
  }

  std::int64_t bytes_read() const override { return bytes_read_; }

 private:
  fs::path path_;
  util::FileDescriptor file_;
  std::int64_t bytes_read_ = 0;
};

// A stream of which the first bytes have been looked at.
class HeadedStream final : public ByteStream {
 public:
  explicit HeadedStream(std::unique_ptr<ByteStream> rest) : rest_(std::move(rest)) {
    head_.resize(kHeadBytes);
    std::size_t size = 0;
    while (size < kHeadBytes) {
      const std::size_t count = rest_->read(std::span(head_).subspan(size));
      if (count == 0) break;
      size += count;
    }
    head_.resize(size);
  }

  const std::string& head() const { return head_; }

  std::size_t read(std::span<char> out) override {
    if (begin_ == head_.size()) return rest_->read(out);
    const std::size_t size = head_.copy(out.data(), out.size(), begin_);
    begin_ += size;
    return size;
  }

  std::int64_t bytes_read() const override { return rest_->bytes_read(); }

 private:
  std::unique_ptr<ByteStream> rest_;
  std::string head_;
  std::size_t begin_ = 0;  // of what is not delivered yet
};

struct Compression {
  Content content;
  std::array<std::string_view, 2> endings;
  std::unique_ptr<ByteStream> (*open)(std::unique_ptr<ByteStream> bytes, std::string name);
};
constexpr std::array kCompressions = {Compression{Content::kGzip, {".gz", ".gzip"}, open_gzip},
                                      Compression{Content::kZstd, {".zst", ".zstd"}, open_zstd},
                                      Compression{Content::kXz, {".xz", ".xz"}, open_xz}};
// More would be a file made to unpack forever.
constexpr int kMostLayers = 4;

const Compression* compression_by_name(const fs::path& path) {
  const std::string ending = file_ending(path);
  for (const Compression& compression : kCompressions) {
    if (ending == compression.endings[0] || ending == compression.endings[1]) return &compression;
  }
  return nullptr;
}

const Compression* compression_of(const FileKind& kind) {
  for (const Compression& compression : kCompressions) {
    if (kind.content == compression.content) return &compression;
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<ByteStream> open_raw(const fs::path& path) {
  return std::make_unique<RawFile>(path);
}

Decompressed open_decompressed(const fs::path& path) {
  auto bytes = std::make_unique<HeadedStream>(open_raw(path));
  FileKind kind = kind_of(bytes->head());
  const Compression* compression = compression_of(kind);
  const bool has_magic = kind.content != Content::kText && kind.content != Content::kBinary;
  if (!has_magic) compression = compression_by_name(path);
  int layers = 0;
  for (; compression != nullptr; compression = compression_of(kind)) {
    util::require(++layers <= kMostLayers, path.string(), ": is compressed more than ", kMostLayers,
                  " times over");
    bytes = std::make_unique<HeadedStream>(compression->open(std::move(bytes), path.string()));
    kind = kind_of(bytes->head());
  }
  return {std::move(bytes), std::move(kind), layers > 0};
}

std::string read_head(const fs::path& path) { return HeadedStream(open_raw(path)).head(); }

fs::path without_compression_endings(const fs::path& path) {
  fs::path result = path;
  while (compression_by_name(result) != nullptr) result.replace_extension();
  return result;
}

}  // namespace superpose::corpus
