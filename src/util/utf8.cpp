#include "util/utf8.h"

#include <cstdint>
#include <cstring>

namespace superpose::util {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// A sequence at the start of a text: how many bytes belong together, and whether they are whole.
struct Sequence {
  std::size_t size = 1;
  bool is_valid = false;
};

// What may follow a lead byte: how many bytes in all, and the range of the second one.
struct Form {
  std::size_t size = 0;  // 0: no lead byte
  std::uint8_t least = 0x80;
  std::uint8_t largest = 0xBF;
};

Form form_of(std::uint8_t lead) {
  if (lead < 0x80) return {1};
  if (lead >= 0xC2 && lead <= 0xDF) return {2};
  if (lead == 0xE0) return {3, 0xA0};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {3};
  if (lead == 0xF0) return {4, 0x90};
  if (lead >= 0xF1 && lead <= 0xF3) return {4};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {};
}

Sequence sequence_at(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const Form form = form_of(byte(0));
  for (std::size_t i = 1; i < form.size; ++i) {
    const std::uint8_t least = i == 1 ? form.least : 0x80;
    const std::uint8_t largest = i == 1 ? form.largest : 0xBF;
    if (i >= text.size() || byte(i) < least || byte(i) > largest) return {i, false};
  }
  return {form.size == 0 ? 1 : form.size, form.size != 0};
}

// Bytes below 0x80 at the start, in steps of eight.
std::size_t ascii_words(std::string_view text) {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    if ((word & 0x8080808080808080U) != 0) break;
  }
  return at;
}

}  // namespace

std::size_t first_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    at += ascii_words(text.substr(at));
    if (at == text.size()) break;
    const Sequence sequence = sequence_at(text.substr(at));
    if (!sequence.is_valid) return at;
    at += sequence.size;
  }
  return text.size();
}

std::size_t unfinished_character(std::string_view text) {
  if (text.empty()) return 0;
  const std::size_t begin = character_begin(text, text.size() - 1);
  const std::size_t size = text.size() - begin;
  return form_of(static_cast<std::uint8_t>(text[begin])).size > size ? size : 0;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t valid = first_invalid_utf8(text);
    result += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) break;
    result += kReplacement;
    text.remove_prefix(sequence_at(text).size);
  }
  return result;
}

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

}  // namespace superpose::util
