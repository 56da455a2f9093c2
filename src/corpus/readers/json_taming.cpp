#include "corpus/readers/json_taming.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace superpose::corpus {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Takes the digits in front; false where there are none.
bool take_digits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto size = static_cast<std::size_t>(end - text.begin());
  text.remove_prefix(size);
  return size > 0;
}

bool take_one_of(std::string_view& text, std::string_view characters) {
  if (text.empty() || characters.find(text[0]) == characters.npos) return false;
  text.remove_prefix(1);
  return true;
}

// RFC 8259, section 6.
bool is_number(std::string_view text) {
  take_one_of(text, "-");
  const bool begins_with_zero = text.starts_with('0');
  std::string_view rest = text;
  if (!take_digits(rest)) return false;
  if (begins_with_zero && text.size() - rest.size() > 1) return false;
  if (take_one_of(rest, ".") && !take_digits(rest)) return false;
  if (take_one_of(rest, "eE")) {
    take_one_of(rest, "+-");
    if (!take_digits(rest)) return false;
  }
  return rest.empty();
}

// Of "uXXXX".
std::optional<std::uint32_t> escaped_unit(std::string_view text) {
  constexpr std::size_t kDigits = 4;
  if (text.size() <= kDigits || text[0] != 'u') return std::nullopt;
  std::uint32_t unit = 0;
  for (const char c : text.substr(1, kDigits)) {
    const char lower = static_cast<char>(c | 0x20);
    const bool is_hex_letter = lower >= 'a' && lower <= 'f';
    if (!is_digit(c) && !is_hex_letter) return std::nullopt;
    unit = unit * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : lower - 'a' + 10);
  }
  return unit;
}

class Taming {
 public:
  Taming(std::string& line, std::string_view stand_in) : line_(line), stand_in_(stand_in) {}

  void run() {
    while (at_ < line_.size()) {
      const char c = line_[at_];
      if (c == '"') {
        pass_string();
      } else if (is_word(c)) {
        tame_word();
      } else {
        ++at_;
      }
    }
  }

 private:
  static bool is_word(char c) {
    return is_digit(c) || is_letter(c) || c == '-' || c == '+' || c == '.';
  }

  void tame_word() {
    std::size_t end = at_;
    while (end < line_.size() && is_word(line_[end])) ++end;
    const std::string_view word = std::string_view(line_).substr(at_, end - at_);
    if (is_number(word) || word == "NaN" || word == "Infinity" || word == "-Infinity") {
      std::fill(line_.begin() + static_cast<std::ptrdiff_t>(at_),
                line_.begin() + static_cast<std::ptrdiff_t>(end), ' ');
      line_[at_] = '0';
    }
    at_ = end;
  }

  void pass_string() {
    for (++at_; at_ < line_.size() && line_[at_] != '"'; ++at_) {
      if (line_[at_] == '\\') pass_escape();
    }
    ++at_;
  }

  // Stops at its last character.
  void pass_escape() {
    constexpr std::size_t kEscape = 6;  // \uXXXX
    ++at_;
    const std::string_view rest = std::string_view(line_).substr(std::min(at_, line_.size()));
    const std::optional<std::uint32_t> unit = escaped_unit(rest);
    if (!unit) return;
    const bool is_high = *unit >= 0xD800 && *unit < 0xDC00;
    const bool is_low = *unit >= 0xDC00 && *unit < 0xE000;
    const std::string_view behind = rest.substr(kEscape - 1);
    const std::optional<std::uint32_t> next =
        is_high && behind.starts_with('\\') ? escaped_unit(behind.substr(1)) : std::nullopt;
    const bool is_pair = next && *next >= 0xDC00 && *next < 0xE000;
    if ((is_high && !is_pair) || is_low) line_.replace(at_ + 1, 4, stand_in_);
    at_ += is_pair ? 2 * kEscape - 2 : kEscape - 2;
  }

  std::string& line_;
  std::string_view stand_in_;
  std::size_t at_ = 0;
};

}  // namespace

void tame_json(std::string& line, std::string_view stand_in) { Taming(line, stand_in).run(); }

}  // namespace superpose::corpus
