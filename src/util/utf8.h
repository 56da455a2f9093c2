// Well-formed UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace superpose::util {

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
