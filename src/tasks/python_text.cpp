#include "tasks/python_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "tokenizer/unicode.h"
#include "util/utf8.h"

namespace superpose::tasks {
namespace {

using tokenizer::code_point_at;
using tokenizer::code_point_before;
using tokenizer::CodePoint;

// str.isspace: bidirectional type WS, B or S, or category Zs. Unlike White_Space it has the
// separators 1C to 1F.
bool is_space(std::uint32_t value) {
  return (value >= 0x09 && value <= 0x0D) || (value >= 0x1C && value <= 0x20) || value == 0x85 ||
         value == 0xA0 || value == 0x1680 || (value >= 0x2000 && value <= 0x200A) ||
         value == 0x2028 || value == 0x2029 || value == 0x202F || value == 0x205F ||
         value == 0x3000;
}

void append_code_point(utf8proc_int32_t value, std::string& text) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const utf8proc_ssize_t size = utf8proc_encode_char(value, bytes.data());
  text.append(bytes.begin(), bytes.begin() + size);
}

}  // namespace

std::string_view strip_left(std::string_view text) {
  while (!text.empty()) {
    const CodePoint first = code_point_at(text.data());
    if (!is_space(first.value)) break;
    text.remove_prefix(first.size);
  }
  return text;
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    const CodePoint last = code_point_before(text, text.size());
    if (!is_space(last.value)) break;
    text.remove_suffix(last.size);
  }
  return text;
}

std::string_view strip(std::string_view text) { return strip_left(strip_right(text)); }

std::string capitalize(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = code_point_at(text.data() + i);
    const auto value = static_cast<utf8proc_int32_t>(point.value);
    append_code_point(i == 0 ? utf8proc_totitle(value) : utf8proc_tolower(value), result);
    i += point.size;
  }
  return result;
}

std::string replace_all(std::string_view text, std::string_view find, std::string_view with) {
  std::string result;
  std::size_t begin = 0;
  for (std::size_t found; (found = text.find(find, begin)) != text.npos;) {
    result += text.substr(begin, found - begin);
    result += with;
    begin = found + find.size();
  }
  result += text.substr(begin);
  return result;
}

std::int64_t count_characters(std::string_view text) {
  return std::ssize(text) - std::count_if(text.begin(), text.end(), util::continues_character);
}

std::int64_t count_words(std::string_view text) {
  std::int64_t words = 1;
  bool was_space = false;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = code_point_at(text.data() + i);
    const bool space = is_space(point.value);
    if (space && !was_space) ++words;
    was_space = space;
    i += point.size;
  }
  return words;
}

}  // namespace superpose::tasks
