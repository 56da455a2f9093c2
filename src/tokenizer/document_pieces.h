// Documents cut at safe points and dealt out to threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace superpose::tokenizer {

// Puts the next document into its argument; false at the end.
using NextDocument = std::function<bool(std::string&)>;

// A part of a document that can be split into words on its own, and the document that keeps it
// alive.
struct DocumentPiece {
  std::shared_ptr<const std::string> document;
  std::string_view text;
};

// Where to cut `text` so that the words of both sides are the words of the whole: the first
// position at or after `from` between an ASCII letter and a space that a letter follows. There
// every split pattern begins a new word. text.size() where there is none.
std::size_t next_safe_cut(std::string_view text, std::size_t from);

// A stream of documents dealt out in pieces of some hundred KiB to several threads, so that one
// long document keeps all of them busy.
class DocumentPieces {
 public:
  using Progress = std::function<void(std::int64_t documents, std::int64_t bytes)>;

  // `next` and `progress` (may be empty; what was dealt out so far) are called by one thread at a
  // time.
  DocumentPieces(NextDocument next, Progress progress);

  // Replaces `pieces` by the next ones; false at the end. Any thread. Passes on what `next` throws,
  // to one caller; others see the end.
  bool take(std::vector<DocumentPiece>& pieces);

  std::int64_t documents() const { return documents_; }
  std::int64_t bytes() const { return bytes_; }

 private:
  bool read_document();

  NextDocument next_;
  Progress progress_;
  std::mutex mutex_;
  std::shared_ptr<const std::string> document_;
  std::size_t taken_ = 0;  // bytes of the document
  bool at_end_ = false;
  std::int64_t documents_ = 0;
  std::int64_t bytes_ = 0;
};

}  // namespace superpose::tokenizer
