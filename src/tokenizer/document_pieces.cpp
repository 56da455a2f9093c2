#include "tokenizer/document_pieces.h"

#include <utility>

namespace superpose::tokenizer {
namespace {

// Large enough that handing one out is cheap, small enough to stay in a core's cache.
constexpr std::size_t kPieceBytes = std::size_t{1} << 18;

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

std::size_t next_safe_cut(std::string_view text, std::size_t from) {
  for (std::size_t at = from == 0 ? 1 : from; at + 1 < text.size(); ++at) {
    if (text[at] == ' ' && is_ascii_letter(text[at - 1]) && is_ascii_letter(text[at + 1])) {
      return at;
    }
  }
  return text.size();
}

DocumentPieces::DocumentPieces(NextDocument next, Progress progress)
    : next_(std::move(next)), progress_(std::move(progress)) {}

bool DocumentPieces::take(std::vector<DocumentPiece>& pieces) {
  pieces.clear();
  const std::lock_guard lock(mutex_);
  std::size_t bytes = 0;
  while (bytes < kPieceBytes) {
    if (!document_ && !read_document()) break;
    const std::string_view rest = std::string_view(*document_).substr(taken_);
    const std::string_view piece = rest.substr(0, next_safe_cut(rest, kPieceBytes));
    pieces.push_back({document_, piece});
    bytes += piece.size();
    taken_ += piece.size();
    if (taken_ == document_->size()) document_.reset();
  }
  bytes_ += static_cast<std::int64_t>(bytes);
  if (progress_ && bytes > 0) progress_(documents_, bytes_);
  return !pieces.empty();
}

bool DocumentPieces::read_document() {
  if (at_end_) return false;
  auto document = std::make_shared<std::string>();
  at_end_ = true;  // also where next_ throws
  if (!next_(*document)) return false;
  at_end_ = false;
  ++documents_;
  document_ = std::move(document);
  taken_ = 0;
  return true;
}

}  // namespace superpose::tokenizer
