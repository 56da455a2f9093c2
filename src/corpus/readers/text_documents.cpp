#include "corpus/readers/text_documents.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "util/error.h"
#include "util/utf8.h"

namespace superpose::corpus {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;

constexpr std::size_t kMarkBytes = 3;  // of a byte order mark

struct Match {
  std::size_t begin = 0;
  std::size_t size = 0;
};

// A text in which each line feed also stands for CR LF.
class Separator {
 public:
  explicit Separator(std::string text)
      : text_(std::move(text)),
        longest_(text_.size() +
                 static_cast<std::size_t>(std::count(text_.begin(), text_.end(), '\n'))) {}

  // Bytes of its longest form.
  std::size_t longest() const { return longest_; }

  // The first in a text; nullopt where there is none, and for an empty separator.
  std::optional<Match> find(std::string_view in) const {
    if (text_.empty()) return std::nullopt;
    for (std::size_t at = in.find(text_[0]); at != in.npos; at = in.find(text_[0], at + 1)) {
      const std::optional<std::size_t> end = end_of(in, at);
      if (!end) continue;
      const bool has_return = text_[0] == '\n' && at > 0 && in[at - 1] == '\r';
      const std::size_t begin = has_return ? at - 1 : at;
      return Match{begin, *end - begin};
    }
    return std::nullopt;
  }

 private:
  // One past a separator whose first character, without a CR before it, lies at `at`.
  std::optional<std::size_t> end_of(std::string_view in, std::size_t at) const {
    ++at;
    for (const char c : std::string_view(text_).substr(1)) {
      if (c == '\n' && in.substr(at, 2) == "\r\n") ++at;
      if (at >= in.size() || in[at] != c) return std::nullopt;
      ++at;
    }
    return at;
  }

  std::string text_;
  std::size_t longest_;
};

class TextDocuments final : public DocumentReader {
 public:
  TextDocuments(std::unique_ptr<ByteStream> bytes, std::string separator)
      : bytes_(std::move(bytes)),
        separator_(std::move(separator)),
        buffer_(kBufferBytes + separator_.longest()) {}

  bool next(std::string& text) override {
    text.clear();
    bool any = false;
    while (refill()) {
      any = true;
      const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
      if (const std::optional<Match> found = separator_.find(unread)) {
        text.append(unread.substr(0, found->begin));
        begin_ += found->begin + found->size;
        return true;
      }
      // A separator may have begun in the last bytes: they wait for more.
      const std::size_t kept = at_end_ || separator_.longest() == 0 ? 0 : separator_.longest() - 1;
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
    while (!at_end_ && end_ - begin_ < std::max(separator_.longest(), kMarkBytes)) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
      const std::size_t size = bytes_->read(std::span(buffer_).subspan(end_));
      end_ += size;
      at_end_ = size == 0;
    }
    if (!std::exchange(has_begun_, true)) {
      begin_ = end_ - util::without_byte_order_mark({buffer_.data(), end_}).size();
    }
    return begin_ < end_;
  }

  std::unique_ptr<ByteStream> bytes_;
  Separator separator_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool at_end_ = false;
  bool has_begun_ = false;
};

}  // namespace

std::unique_ptr<DocumentReader> read_text_documents(std::unique_ptr<ByteStream> bytes,
                                                    std::string separator) {
  return std::make_unique<TextDocuments>(std::move(bytes), std::move(separator));
}

}  // namespace superpose::corpus
