#include <memory>
#include <string>
#include <vector>

#include "corpus/readers/text_documents.h"
#include "corpus/streams/file_kind.h"
#include "fuzz/memory_stream.h"
#include "fuzz/targets.h"
#include "util/utf8.h"

namespace superpose::fuzz {
namespace {

// The size of a separator in front of a text, with either line end for a line feed; 0 for none.
std::size_t separator_in_front(std::string_view text, std::string_view separator) {
  std::size_t at = 0;
  for (const char c : separator) {
    if (c == '\n' && text.substr(at, 2) == "\r\n") ++at;
    if (at >= text.size() || text[at++] != c) return 0;
  }
  return at;
}

// By the definition, a character at a time.
std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts(1);
  while (!text.empty()) {
    if (const std::size_t size = separator_in_front(text, separator)) {
      parts.emplace_back();
      text.remove_prefix(size);
    } else {
      parts.back() += text[0];
      text.remove_prefix(1);
    }
  }
  if (parts.back().empty()) parts.pop_back();
  return parts;
}

}  // namespace

// The first byte says how long the separator behind it is.
void text(std::string_view input) {
  corpus::kind_of(input);
  corpus::foreign_to_tokens(input);
  if (input.empty()) return;
  const std::size_t size = static_cast<unsigned char>(input[0]) % 8;
  const std::string separator(input.substr(1, size));
  const std::string_view rest = input.substr(std::min(input.size(), 1 + size));
  const auto reader = corpus::read_text_documents(std::make_unique<MemoryStream>(rest), separator);
  std::vector<std::string> documents;
  for (std::string document; reader->next(document);) documents.push_back(document);
  expect(documents == split(util::without_byte_order_mark(rest), separator));
}

}  // namespace superpose::fuzz
