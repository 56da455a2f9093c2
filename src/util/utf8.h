// Well-formed UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace superpose::util {

// Whether a byte continues a character that another byte begins.
constexpr bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

// Offset of the first byte of the character that byte `at` < text.size() belongs to.
inline std::size_t character_begin(std::string_view text, std::size_t at) {
  while (at > 0 && continues_character(text[at])) --at;
  return at;
}

// Bytes at the end of the text that may be the beginning of a character: 0 to 3.
std::size_t unfinished_character(std::string_view text);

// Offset of the first byte that is not part of well-formed UTF-8 (Unicode 14, table 3-7: no
// overlong forms, no surrogates, nothing above U+10FFFF); text.size() where all of it is.
std::size_t first_invalid_utf8(std::string_view text);

// The text with U+FFFD for every maximal subpart of an ill-formed sequence, as Python's
// errors="replace" and the WHATWG decoder have it.
std::string replace_invalid_utf8(std::string_view text);

// The text without a byte order mark (EF BB BF) in front, which is a file's signature and not part
// of what it says.
std::string_view without_byte_order_mark(std::string_view text);

}  // namespace superpose::util
