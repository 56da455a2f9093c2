// The well-known split expressions (patterns.h) by hand: an expression is matched alternative by
// alternative, but what a pre-token is follows from its first one or two characters. Each scanner
// gives the same cuts as its expression; the tests hold them against PCRE2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenizer/unicode.h"

namespace superpose::tokenizer {

// Runs of characters by class.
class TextScanner {
 public:
  // Of valid UTF-8.
  explicit TextScanner(std::string_view text)
      : text_(text.data()), end_(text.size()), classes_(code_point_classes()) {}

 protected:
  static constexpr std::uint8_t kNotOther = kLetter | kNumber | kSpace;

  // Class and size of the character at `at` < end_.
  struct Character {
    std::uint8_t classes;
    std::uint32_t size;
    std::uint32_t value;

    bool is(std::uint8_t mask) const { return (classes & mask) != 0; }
    bool is_other() const { return !is(kNotOther); }
    bool is_line_end() const { return value == '\n' || value == '\r'; }
  };
  Character at(std::size_t place) const {
    const auto byte = static_cast<unsigned char>(text_[place]);
    if (byte < 0x80) return {classes_[byte], 1, byte};
    const CodePoint c = code_point_at(text_ + place);
    return {classes_[c.value], c.size, c.value};
  }

  // End of the run of characters of these classes that begins at `place`.
  std::size_t run(std::size_t place, std::uint8_t mask) const {
    while (place < end_) {
      const Character c = at(place);
      if (!c.is(mask)) break;
      place += c.size;
    }
    return place;
  }
  // ... of characters that are neither letter, number nor space.
  std::size_t run_of_others(std::size_t place) const {
    while (place < end_) {
      const Character c = at(place);
      if (!c.is_other()) break;
      place += c.size;
    }
    return place;
  }
  std::size_t run_of_line_ends(std::size_t place) const {
    while (place < end_ && (text_[place] == '\n' || text_[place] == '\r')) ++place;
    return place;
  }
  // ... of at most `most` numbers.
  std::size_t numbers(std::size_t place, int most) const {
    for (int i = 0; i < most && place < end_; ++i) {
      const Character c = at(place);
      if (!c.is(kNumber)) break;
      place += c.size;
    }
    return place;
  }

  // \s+(?!\S)|\s+ at a space: the run, but for its last character where a word follows.
  std::size_t spaces(std::size_t begin) const {
    std::size_t place = begin;
    std::size_t last = begin;  // where the last character of the run begins
    while (place < end_) {
      const Character c = at(place);
      if (!c.is(kSpace)) break;
      last = place;
      place += c.size;
    }
    return place == end_ || last == begin ? place : last;
  }
  // \s*[\r\n]+|\s+(?!\S)|\s+ at a space: up to the last line end of the run, if it has any.
  std::size_t spaces_or_lines(std::size_t begin) const {
    std::size_t line_end = begin;  // end of the last line end
    std::size_t place = begin;
    std::size_t last = begin;
    while (place < end_) {
      const Character c = at(place);
      if (!c.is(kSpace)) break;
      last = place;
      place += c.size;
      if (c.is_line_end()) line_end = place;
    }
    if (line_end > begin) return line_end;
    return place == end_ || last == begin ? place : last;
  }

  // 's|'t|'re|'ve|'m|'ll|'d at an apostrophe; `begin` where there is none of them.
  std::size_t contraction(std::size_t begin) const {
    const char first = byte(begin + 1);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return begin + 2;
    const char second = byte(begin + 2);
    const bool is_long =
        (second == 'e' && (first == 'r' || first == 'v')) || (first == 'l' && second == 'l');
    return is_long ? begin + 3 : begin;
  }
  // The same in capitals too; the long s folds to s.
  std::size_t any_contraction(std::size_t begin) const {
    const char first = lower(byte(begin + 1));
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return begin + 2;
    const char second = lower(byte(begin + 2));
    const bool is_long = (second == 'e' && (first == 'r' || first == 'v')) ||
                         (first == 'l' && second == 'l') || (first == '\xC5' && second == '\xBF');
    return is_long ? begin + 3 : begin;
  }

  // Zero behind the end.
  char byte(std::size_t place) const { return place < end_ ? text_[place] : '\0'; }
  static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

  const char* text_;
  std::size_t end_;
  const std::uint8_t* classes_;
};

// kGpt2Pattern.
class Gpt2Scanner : public TextScanner {
 public:
  using TextScanner::TextScanner;

  // End of the pre-token that begins at `begin`, which is inside of the text.
  std::size_t next(std::size_t begin) const {
    Character c = at(begin);
    if (c.value == '\'') {
      const std::size_t end = contraction(begin);
      if (end > begin) return end;
    }
    // A space in front belongs to what follows, unless that is a space.
    std::size_t place = begin;
    if (c.value == ' ' && begin + 1 < end_) {
      const Character following = at(begin + 1);
      if (!following.is(kSpace)) {
        c = following;
        ++place;
      }
    }
    if (c.is(kLetter)) return run(place + c.size, kLetter);
    if (c.is(kSpace)) return spaces(begin);
    if (c.is(kNumber)) return run(place + c.size, kNumber);
    return run_of_others(place + c.size);
  }
};

// kQwenPattern (one digit per word) and kCl100kPattern (three).
template <int kDigits>
class Cl100kScanner : public TextScanner {
 public:
  using TextScanner::TextScanner;

  std::size_t next(std::size_t begin) const {
    const Character c = at(begin);
    if (c.is(kLetter)) return run(begin + c.size, kLetter);
    if (c.is(kNumber)) return numbers(begin, kDigits);
    if (c.value == '\'') {
      const std::size_t end = any_contraction(begin);
      if (end > begin) return end;
    }
    const std::size_t second = begin + c.size;
    if (second < end_ && !c.is_line_end()) {
      const Character following = at(second);
      // Any one character may lead a word.
      if (following.is(kLetter)) return run(second + following.size, kLetter);
      if (c.value == ' ' && following.is_other()) {
        return run_of_line_ends(run_of_others(second + following.size));
      }
    }
    if (c.is(kSpace)) return spaces_or_lines(begin);
    return run_of_line_ends(run_of_others(second));
  }
};

// kTiktokenCl100kPattern.
class TiktokenCl100kScanner : public Cl100kScanner<3> {
 public:
  using Cl100kScanner::Cl100kScanner;

  std::size_t next(std::size_t begin) const {
    const bool ends_the_text = at(begin).is(kSpace) && run(begin, kSpace) == end_;
    return ends_the_text ? end_ : Cl100kScanner::next(begin);
  }
};

// kO200kPattern: a word ends where a small letter is followed by a capital one.
class O200kScanner : public TextScanner {
 public:
  using TextScanner::TextScanner;

  std::size_t next(std::size_t begin) const {
    const Character c = at(begin);
    if (c.is(kLetter)) return word(begin, true);
    if (c.is(kNumber)) return numbers(begin, 3);
    const std::size_t second = begin + c.size;
    // Any one character may lead a word. A mark may also be the word's first, and is so where
    // nothing but capitals would follow it.
    if (!c.is_line_end()) {
      const std::size_t end = word(second, !c.is(kMark));
      if (end > second) return end;
    }
    if (c.is(kMark)) return word(begin, false);
    if (c.value == ' ' && second < end_ && at(second).is_other()) {
      return lines_or_slashes(run_of_others(second));
    }
    if (c.is(kSpace)) return spaces_or_lines(begin);
    return lines_or_slashes(run_of_others(second));
  }

 private:
  // Capitals, then small letters, then a contraction; `begin` where there is no word. Letters
  // without case and marks are both. A word without a small letter behind its capitals ends on the
  // last that can stand for one; on a capital only where there is none and `capitals_alone`.
  std::size_t word(std::size_t begin, bool capitals_alone) const {
    std::size_t place = begin;
    std::size_t last_both = begin;
    while (place < end_) {
      const Character c = at(place);
      if (!c.is(kLetter | kMark) || c.is(kLower)) break;
      place += c.size;
      if (!c.is(kCased)) last_both = place;
    }
    const std::size_t capitals = place;
    while (place < end_) {
      const Character c = at(place);
      if (!c.is(kLetter | kMark) || c.is(kCased)) break;
      place += c.size;
    }
    if (place == capitals && (last_both > begin || !capitals_alone)) place = last_both;
    if (place > begin && byte(place) == '\'') place = any_contraction(place);
    return place;
  }
  std::size_t lines_or_slashes(std::size_t place) const {
    while (place < end_ && (text_[place] == '\n' || text_[place] == '\r' || text_[place] == '/')) {
      ++place;
    }
    return place;
  }
};

}  // namespace superpose::tokenizer
