#include "corpus/streams/line_reader.h"

#include <string_view>
#include <utility>

#include "util/error.h"

namespace superpose::corpus {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;

}  // namespace

LineReader::LineReader(std::unique_ptr<ByteStream> bytes, std::string name, std::size_t most_bytes)
    : bytes_(std::move(bytes)),
      name_(std::move(name)),
      most_bytes_(most_bytes),
      buffer_(kBufferBytes) {}

bool LineReader::next(std::string& line) {
  line.clear();
  if (!refill()) return false;
  ++line_number_;
  do {
    const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
    const std::size_t size = std::min(unread.find('\n'), unread.size());
    util::require(size <= most_bytes_ - line.size(), name_, ":", line_number_,
                  ": a line must have at most ", most_bytes_, " bytes, got more");
    line.append(unread.substr(0, size));
    begin_ += size;
    if (size < unread.size()) {
      ++begin_;
      return true;
    }
  } while (refill());
  return true;
}

bool LineReader::refill() {
  if (begin_ < end_) return true;
  begin_ = 0;
  end_ = bytes_->read(buffer_);
  return end_ > 0;
}

}  // namespace superpose::corpus
