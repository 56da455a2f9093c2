#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/byte_stream.h"
#include "util/error.h"

namespace superpose::data {

// The compressed bytes of a file, a buffer at a time, and errors that say how far a decoder came.
class DecoderInput {
 public:
  // Throws util::Error as open_raw does, and for a file without a byte.
  DecoderInput(const std::filesystem::path& path, std::string format)
      : format_(std::move(format)), name_(path.string()), file_(open_raw(path)) {
    util::require(!peek().empty(), name_, ": expected ", format_, " data, got an empty file");
  }

  // Bytes not consumed yet; none only at the end of the file.
  std::span<const char> peek() {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = file_->read(buffer_);
    }
    return std::span<const char>(buffer_).subspan(begin_, end_ - begin_);
  }

  void consume(std::size_t size) {
    begin_ += size;
    offset_ += static_cast<std::int64_t>(size);
  }

  // Bytes consumed.
  std::int64_t offset() const { return offset_; }
  std::int64_t bytes_read() const { return file_->bytes_read(); }

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    util::fail(name_, ": ", format_, " data ", parts..., " at byte ", offset_);
  }

 private:
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 17;

  std::string format_;
  std::string name_;
  std::unique_ptr<ByteStream> file_;
  std::vector<char> buffer_ = std::vector<char>(kBufferBytes);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::int64_t offset_ = 0;
};

}  // namespace superpose::data
