// The input side that the decompressors share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "corpus/streams/byte_stream.h"
#include "util/error.h"

namespace superpose::corpus {

// Compressed bytes, a buffer at a time, and errors that say how far a decoder came.
class DecoderInput {
 public:
  // `name`: of the file, for errors. Throws util::Error for a stream without a byte.
  DecoderInput(std::unique_ptr<ByteStream> bytes, std::string name, std::string format)
      : format_(std::move(format)), name_(std::move(name)), bytes_(std::move(bytes)) {
    util::require(!peek().empty(), name_, ": expected ", format_, " data, got an empty file");
  }

  // Bytes not consumed yet; none only at the end of the file.
  std::span<const char> peek() {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = bytes_->read(buffer_);
    }
    return std::span<const char>(buffer_).subspan(begin_, end_ - begin_);
  }

  void consume(std::size_t size) {
    begin_ += size;
    offset_ += static_cast<std::int64_t>(size);
  }

  const std::string& name() const { return name_; }
  // Bytes consumed.
  std::int64_t offset() const { return offset_; }
  std::int64_t bytes_read() const { return bytes_->bytes_read(); }

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    util::fail(name_, ": ", format_, " data ", parts..., " at byte ", offset_);
  }

 private:
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 17;

  std::string format_;
  std::string name_;
  std::unique_ptr<ByteStream> bytes_;
  std::vector<char> buffer_ = std::vector<char>(kBufferBytes);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::int64_t offset_ = 0;
};

}  // namespace superpose::corpus
