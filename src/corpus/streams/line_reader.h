// A stream line by line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "corpus/streams/byte_stream.h"

namespace superpose::corpus {

// The lines of a stream, without their line feeds; the last one may lack it.
class LineReader {
 public:
  // `name` opens errors. A line longer than `most_bytes` is a util::Error.
  LineReader(std::unique_ptr<ByteStream> bytes, std::string name, std::size_t most_bytes);

  // False at the end.
  bool next(std::string& line);

  // Of the line that next() gave last; from 1.
  std::int64_t line_number() const { return line_number_; }
  std::int64_t bytes_read() const { return bytes_->bytes_read(); }

 private:
  bool refill();

  std::unique_ptr<ByteStream> bytes_;
  std::string name_;
  std::size_t most_bytes_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::int64_t line_number_ = 0;
};

}  // namespace superpose::corpus
