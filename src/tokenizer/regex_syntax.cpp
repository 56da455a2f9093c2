#include "tokenizer/regex.h"
#include "util/error.h"

namespace superpose::tokenizer {
namespace {

using util::fail;
using util::require;

// \w of Oniguruma, with the numbers of Latin-1; PCRE2's lacks marks and connectors.
constexpr std::string_view kWord =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// Walks an expression and writes it in PCRE2's syntax. Takes what the two libraries agree on,
// rewrites what they name differently, refuses all else: better no tokenizer than a wrong one.
class Translator {
 public:
  Translator(std::string_view pattern, const std::string& who) : pattern_(pattern), who_(who) {}

  std::string run() && {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\') {
        escape();
      } else if (in_class_) {
        class_character(c);
      } else {
        plain_character(c);
      }
    }
    require(!in_class_, who_, ": a class is not closed in the expression ", pattern_);
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    fail(who_, ": ", what, " at byte ", at_, " of the expression ", pattern_,
         " is not supported (docs/formats/tokenizers.md)");
  }

  void keep(std::size_t count) {
    out_.append(pattern_.substr(at_, count));
    at_ += count;
  }
  void replace(std::size_t count, std::string_view by) {
    out_.append(by);
    at_ += count;
  }
  bool follows(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }

  void plain_character(char c) {
    if (c == '[') {
      in_class_ = true;
      keep(follows("[^") ? 2 : 1);
      // A bracket right behind is a character of the class.
      if (follows("]")) replace(1, "\\]");
    } else if (c == '(' && follows("(?")) {
      group();
    } else if (c == '{') {
      interval();
    } else {
      keep(1);
    }
  }

  // Ruby's (?m) lets the dot match line ends, PCRE2's moves anchors; i alone means the same.
  void group() {
    for (const std::string_view opening :
         {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?i)", "(?-i:"}) {
      if (follows(opening)) return keep(opening.size());
    }
    refuse("a group");
  }

  // {n}, {n,}, {n,m} and Ruby's {,m}. A plus behind repeats the whole in Ruby and is possessive in
  // PCRE2.
  void interval() {
    std::size_t end = at_ + 1;
    while (end < pattern_.size() &&
           ((pattern_[end] >= '0' && pattern_[end] <= '9') || pattern_[end] == ',')) {
      ++end;
    }
    const std::string_view inside = pattern_.substr(at_ + 1, end - at_ - 1);
    const bool is_interval = end < pattern_.size() && pattern_[end] == '}' && !inside.empty() &&
                             inside.find(',') == inside.rfind(',') && inside != ",";
    if (!is_interval) refuse("a brace");
    const std::size_t size = end + 1 - at_;
    if (pattern_.substr(end + 1).starts_with('+')) refuse("a plus behind an interval");
    if (inside.front() == ',') {
      replace(size, "{0" + std::string(inside) + "}");
    } else {
      keep(size);
    }
  }

  void class_character(char c) {
    if (c == '[') refuse("a class inside of a class");
    if (c == '&' && follows("&&")) refuse("an intersection of classes");
    if (c == ']') in_class_ = false;
    keep(1);
  }

  void escape() {
    require(at_ + 1 < pattern_.size(), who_, ": a backslash ends the expression ", pattern_);
    const char c = pattern_[at_ + 1];
    if (!is_alphanumeric(c)) {
      if (static_cast<unsigned char>(c) >= 0x80) refuse("an escaped letter");
      return keep(2);
    }
    switch (c) {
      case 's':
        return replace(2, "\\p{White_Space}");
      case 'S':
        return replace(2, "\\P{White_Space}");
      case 'd':
        return replace(2, "\\p{Nd}");
      case 'D':
        return replace(2, "\\P{Nd}");
      case 'w':
        return replace(2, in_class_ ? std::string(kWord) : "[" + std::string(kWord) + "]");
      case 'W':
        if (in_class_) refuse("\\W inside of a class");
        return replace(2, "[^" + std::string(kWord) + "]");
      case 'r':
      case 'n':
      case 't':
      case 'f':
        return keep(2);
      case 'p':
      case 'P':
        return property();
      case 'x':
        return hexadecimal();
      case 'u':
        return unicode();
      default:
        refuse(pattern_.substr(at_, 2));
    }
  }

  // \p{Lu}, \p{^Lu}, \p{Han}. General categories have one or two letters. All other names are taken
  // for scripts: without "sc:" PCRE2 would go by the extended ones.
  void property() {
    const std::size_t end = pattern_.find('}', at_);
    if (pattern_.substr(at_ + 2, 1) != "{" || end == pattern_.npos) refuse("a property");
    std::string_view name = pattern_.substr(at_ + 3, end - at_ - 3);
    const bool negated = name.starts_with('^');
    if (negated) name.remove_prefix(1);
    const bool is_same =
        name.size() <= 2 || name == "Any" || name == "Emoji" || name == "Extended_Pictographic";
    const bool positive = (pattern_[at_ + 1] == 'p') != negated;
    replace(end + 1 - at_, (positive ? "\\p{" : "\\P{") + std::string(is_same ? "" : "sc:") +
                               std::string(name) + "}");
  }

  // \xHH means a code point to both only below 0x80: Oniguruma takes bytes.
  void hexadecimal() {
    if (follows("\\x{")) {
      const std::size_t end = pattern_.find('}', at_);
      if (end == pattern_.npos) refuse("\\x{");
      return keep(end + 1 - at_);
    }
    const std::string_view digits = pattern_.substr(at_ + 2, 2);
    if (!is_hexadecimal(digits, 2) || digits[0] >= '8') refuse("\\x");
    keep(4);
  }

  // \uHHHH.
  void unicode() {
    const std::string_view digits = pattern_.substr(at_ + 2, 4);
    if (!is_hexadecimal(digits, 4)) refuse("\\u");
    replace(6, "\\x{" + std::string(digits) + "}");
  }

  static bool is_hexadecimal(std::string_view digits, std::size_t count) {
    return digits.size() == count &&
           digits.find_first_not_of("0123456789abcdefABCDEF") == digits.npos;
  }

  std::string_view pattern_;
  const std::string& who_;
  std::size_t at_ = 0;
  bool in_class_ = false;
  std::string out_;
};

}  // namespace

std::string to_pcre2(std::string_view pattern, const std::string& who) {
  return Translator(pattern, who).run();
}

}  // namespace superpose::tokenizer
