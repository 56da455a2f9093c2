#include "tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "util/error.h"

namespace superpose::tokenizer {
namespace {

constexpr std::uint32_t kFirstSurrogate = 0xD800;
constexpr std::uint32_t kLastSurrogate = 0xDFFF;

bool is_white_space(std::uint32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

// Other_Alphabetic symbols (circled and squared letters); its marks are words as marks.
bool is_alphabetic_symbol(std::uint32_t c) {
  return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
         (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// Marks that came after Unicode 9, by whose tables `tokenizers` normalises: to it they are
// characters that neither move nor combine.
constexpr auto kLaterMarks = std::to_array<Range>({
    {0x07FD, 0x07FD},   {0x0898, 0x089F},   {0x08CA, 0x08D3},   {0x09FE, 0x09FE},
    {0x0C3C, 0x0C3C},   {0x0D3B, 0x0D3C},   {0x0EBA, 0x0EBA},   {0x1715, 0x1715},
    {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0x10D24, 0x10D27},
    {0x10EAB, 0x10EAC}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070},
    {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A}, {0x11930, 0x11930},
    {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34},
    {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45},
    {0x11D97, 0x11D97}, {0x16FF0, 0x16FF1}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE},
    {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
});

bool is_later_mark(std::uint32_t c) {
  if (c < kLaterMarks.front().first) return false;
  const auto* range = std::lower_bound(kLaterMarks.begin(), kLaterMarks.end(), c,
                                       [](const Range& r, std::uint32_t x) { return r.last < x; });
  return range != kLaterMarks.end() && c >= range->first;
}

bool is_joiner(std::uint32_t c) { return c == 0x200C || c == 0x200D; }

std::uint8_t classes_of_category(utf8proc_category_t category) {
  switch (category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
      return kLetter | kCased | kWord;
    case UTF8PROC_CATEGORY_LL:
      return kLetter | kLower | kWord;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return kLetter | kWord;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return kMark | kWord;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
      return kNumber | kWord;
    case UTF8PROC_CATEGORY_NO:
      return kNumber;
    case UTF8PROC_CATEGORY_PC:
      return kWord;
    default:
      return 0;
  }
}

// Canonical decomposition of a code point; decompositions of Unicode are no longer than this.
struct Decomposition {
  std::array<utf8proc_int32_t, 8> parts;
  std::size_t count;
};

Decomposition decompose(utf8proc_int32_t point) {
  constexpr auto kDecompose = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
  Decomposition result;
  int boundary_class = 0;
  const auto count = utf8proc_decompose_char(point, result.parts.data(), result.parts.size(),
                                             kDecompose, &boundary_class);
  util::require(count >= 0, "NFC: ", utf8proc_errmsg(count));
  result.count = static_cast<std::size_t>(count);
  return result;
}

// Sorts each run of marks by combining class, equal ones as they come. utf8proc's own sort takes
// the square of a run's length.
void order_marks(std::vector<utf8proc_int32_t>& points) {
  const auto class_of = [](utf8proc_int32_t point) {
    return utf8proc_get_property(point)->combining_class;
  };
  const auto is_mark = [&](utf8proc_int32_t point) { return class_of(point) != 0; };
  for (auto begin = points.begin(); begin != points.end();) {
    begin = std::find_if(begin, points.end(), is_mark);
    const auto end = std::find_if_not(begin, points.end(), is_mark);
    std::stable_sort(begin, end, [&](auto a, auto b) { return class_of(a) < class_of(b); });
    begin = end;
  }
}

// NFC form of a range of valid UTF-8, in n log n.
std::string nfc(std::string_view text) {
  std::vector<utf8proc_int32_t> points;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text.data() + at);
    const Decomposition whole = decompose(static_cast<utf8proc_int32_t>(c.value));
    points.insert(points.end(), whole.parts.begin(),
                  whole.parts.begin() + static_cast<std::ptrdiff_t>(whole.count));
    at += c.size;
  }
  order_marks(points);
  constexpr auto kCompose = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  const auto count = utf8proc_normalize_utf32(
      points.data(), static_cast<utf8proc_ssize_t>(points.size()), kCompose);
  util::require(count >= 0, "NFC: ", utf8proc_errmsg(count));
  std::string normal;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    std::array<utf8proc_uint8_t, 4> bytes;
    const auto size = utf8proc_encode_char(points[i], bytes.data());
    normal.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size));
  }
  return normal;
}

bool changes_under_nfc(utf8proc_int32_t point) {
  std::array<utf8proc_uint8_t, 4> bytes;
  const auto size = static_cast<std::size_t>(utf8proc_encode_char(point, bytes.data()));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), size);
  return nfc(text) != text;
}

// Marks what NFC may touch: code points with a combining class, code points that become something
// else by themselves, and code points that can be the second half of a composition.
void mark_unstable(std::uint8_t* classes) {
  for (std::uint32_t c = 0; c < kNumCodePoints; ++c) {
    if (c >= kFirstSurrogate && c <= kLastSurrogate) continue;
    const auto point = static_cast<utf8proc_int32_t>(c);
    if (utf8proc_get_property(point)->combining_class != 0) classes[c] |= kNfcUnstable;
    const Decomposition whole = decompose(point);
    if (whole.count == 1 && whole.parts[0] == point) continue;
    for (std::size_t i = 1; i < whole.count; ++i) {
      classes[static_cast<std::uint32_t>(whole.parts[i])] |= kNfcUnstable;
    }
    const bool is_hangul = c >= 0xAC00 && c <= 0xD7A3;  // each comes back; there are 11,172
    if (!is_hangul && changes_under_nfc(point)) classes[c] |= kNfcUnstable;
  }
  for (const Range& range : kLaterMarks) {
    for (std::uint32_t c = range.first; c <= range.last; ++c) {
      classes[c] &= static_cast<std::uint8_t>(~kNfcUnstable);
    }
  }
}

std::vector<std::uint8_t> make_classes() {
  std::vector<std::uint8_t> classes(kNumCodePoints);
  for (std::uint32_t c = 0; c < kNumCodePoints; ++c) {
    if (c >= kFirstSurrogate && c <= kLastSurrogate) continue;
    std::uint8_t bits = classes_of_category(utf8proc_category(static_cast<utf8proc_int32_t>(c)));
    if (is_white_space(c)) bits |= kSpace;
    if (is_alphabetic_symbol(c) || is_joiner(c)) bits |= kWord;
    classes[c] = bits;
  }
  mark_unstable(classes.data());
  return classes;
}

bool starts_with_eight_ascii(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  if (text.size() < sizeof(std::uint64_t)) return false;
  std::uint64_t eight;
  std::memcpy(&eight, text.data(), sizeof eight);
  return (eight & kHighBits) == 0;
}

}  // namespace

const std::uint8_t* code_point_classes() {
  static const std::vector<std::uint8_t> classes = make_classes();
  return classes.data();
}

bool surely_nfc(std::string_view text) {
  const std::uint8_t* classes = code_point_classes();
  for (std::size_t at = 0; at < text.size();) {
    if (starts_with_eight_ascii(text.substr(at))) {
      at += 8;
      continue;
    }
    const CodePoint c = code_point_at(text.data() + at);
    if ((classes[c.value] & kNfcUnstable) != 0) return false;
    at += c.size;
  }
  return true;
}

void append_nfc(std::string_view text, std::string& out) {
  const std::uint8_t* classes = code_point_classes();
  std::size_t copied = 0;    // everything before is in `out`
  std::size_t boundary = 0;  // where a range that ends here would begin
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text.data() + at);
    if ((classes[c.value] & kNfcUnstable) == 0) {
      // Nothing combines with a later mark.
      boundary = is_later_mark(c.value) ? at + c.size : at;
      at += c.size;
      continue;
    }
    // A range: the stable code point before, and all up to the next stable one.
    std::size_t end = at + c.size;
    while (end < text.size()) {
      const CodePoint next = code_point_at(text.data() + end);
      if ((classes[next.value] & kNfcUnstable) == 0) break;
      end += next.size;
    }
    out.append(text.substr(copied, boundary - copied));
    out.append(nfc(text.substr(boundary, end - boundary)));
    copied = boundary = at = end;
  }
  out.append(text.substr(copied));
}

}  // namespace superpose::tokenizer
