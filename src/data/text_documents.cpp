#include "data/text_documents.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "util/error.h"

namespace superpose::data {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;

class TextDocuments final : public DocumentReader {
 public:
  TextDocuments(std::unique_ptr<ByteStream> bytes, std::string separator)
      : bytes_(std::move(bytes)),
        separator_(std::move(separator)),
        buffer_(kBufferBytes + separator_.size()) {}

  bool next(std::string& text) override {
    text.clear();
    bool any = false;
    while (refill()) {
      any = true;
      const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
      const std::size_t found = separator_.empty() ? unread.npos : unread.find(separator_);
      if (found != unread.npos) {
        text.append(unread.substr(0, found));
        begin_ += found + separator_.size();
        return true;
      }
      // A separator may have begun in the last bytes: they wait for more.
      const std::size_t kept = at_end_ || separator_.empty() ? 0 : separator_.size() - 1;
      const std::size_t safe = unread.size() - std::min(unread.size(), kept);
      text.append(unread.substr(0, safe));
      begin_ += safe;
    }
    return any;
  }

  std::int64_t bytes_read() const override { return bytes_->bytes_read(); }
  std::int64_t bad_records() const override { return 0; }

 private:
  // Reads on unless a whole separator's length lies ready; false where nothing is left.
  bool refill() {
    while (!at_end_ && end_ - begin_ < std::max<std::size_t>(separator_.size(), 1)) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
      const std::size_t size = bytes_->read(std::span(buffer_).subspan(end_));
      end_ += size;
      at_end_ = size == 0;
    }
    return begin_ < end_;
  }

  std::unique_ptr<ByteStream> bytes_;
  std::string separator_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool at_end_ = false;
};

}  // namespace

std::unique_ptr<DocumentReader> read_text_documents(std::unique_ptr<ByteStream> bytes,
                                                    std::string separator) {
  return std::make_unique<TextDocuments>(std::move(bytes), std::move(separator));
}

std::string unescape_separator(std::string_view key, std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    const char c = ++i < text.size() ? text[i] : '\0';
    util::require(c == 'n' || c == 't' || c == 'r' || c == '\\', key,
                  R"(: a backslash must stand in \n, \t, \r or \\, got )", text);
    result += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : '\\';
  }
  return result;
}

}  // namespace superpose::data
