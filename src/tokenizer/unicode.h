// What pre-tokenisation needs of Unicode, by utf8proc's tables (docs/formats/tokenizers.md names
// their version).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "util/utf8.h"

namespace superpose::tokenizer {

// Properties of a code point, as bits.
enum CodePointClass : std::uint8_t {
  kLetter = 1,         // L
  kNumber = 2,         // N
  kSpace = 4,          // White_Space
  kMark = 8,           // M
  kCased = 16,         // Lu, Lt
  kLower = 32,         // Ll
  kWord = 64,          // \w of UTS 18: alphabetic, marks, decimal digits, connectors, joiners
  kNfcUnstable = 128,  // may change under NFC, or make a code point before it change
};

inline constexpr std::uint32_t kNumCodePoints = 0x110000;

// The classes of all code points: [kNumCodePoints].
const std::uint8_t* code_point_classes();

struct CodePoint {
  std::uint32_t value;
  std::uint32_t size;  // bytes of UTF-8
};

// The code point that begins at `text`, which must be valid UTF-8.
inline CodePoint code_point_at(const char* text) {
  const auto byte = [text](int i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xE0) return {((first & 0x1F) << 6) | (byte(1) & 0x3F), 2};
  if (first < 0xF0) {
    return {((first & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F), 3};
  }
  return {((first & 0x07) << 18) | ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) |
              (byte(3) & 0x3F),
          4};
}

// The code point that ends right before byte `end` > 0 of valid UTF-8.
inline CodePoint code_point_before(std::string_view text, std::size_t end) {
  return code_point_at(text.data() + util::character_begin(text, end - 1));
}

// Whether NFC is certain to leave valid UTF-8 as it is; false may be a false alarm.
bool surely_nfc(std::string_view text);

// Appends the NFC form of valid UTF-8 to `out`.
void append_nfc(std::string_view text, std::string& out);

}  // namespace superpose::tokenizer
