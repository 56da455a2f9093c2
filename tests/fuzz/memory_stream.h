// A byte stream over memory, for the fuzz targets.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "corpus/streams/byte_stream.h"

namespace superpose::fuzz {

// Bytes in memory, a few at a time.
class MemoryStream final : public corpus::ByteStream {
 public:
  explicit MemoryStream(std::string_view bytes) : rest_(bytes), size_(bytes.size()) {}

  std::size_t read(std::span<char> out) override {
    const std::size_t size = std::min({out.size(), rest_.size(), std::size_t{7}});
    std::memcpy(out.data(), rest_.data(), size);
    rest_.remove_prefix(size);
    return size;
  }
  std::int64_t bytes_read() const override {
    return static_cast<std::int64_t>(size_ - rest_.size());
  }

 private:
  std::string_view rest_;
  std::size_t size_;
};

}  // namespace superpose::fuzz
