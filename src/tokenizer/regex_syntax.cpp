// Oniguruma's syntax (ONIG_SYNTAX_ONIGURUMA, which `tokenizers` compiles split expressions with)
// rewritten for PCRE2. Everything that reaches PCRE2 was understood here: a construct is accepted
// because both libraries match it alike (the tests hold generated expressions against
// `tokenizers`), rewritten because they do not, or refused by name.
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "tokenizer/regex.h"
#include "tokenizer/regex_sets.h"
#include "tokenizer/unicode.h"
#include "util/error.h"

namespace superpose::tokenizer {
namespace {

using util::fail;
using util::require;

constexpr std::string_view kAnyCharacter = "(?s:.)";
constexpr std::string_view kNotNewLine = "[^\\n]";
constexpr std::string_view kLineBreak = R"((?>\r\n|[\n-\r\x{85}\x{2028}\x{2029}]))";
// No character at all.
constexpr std::string_view kNever = "(?!)";

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// A character as an item of a class or as a literal of an expression.
std::string literal(std::uint32_t c) {
  if (c < 0x80 && is_alphanumeric(static_cast<char>(c))) return {static_cast<char>(c)};
  std::array<char, 8> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), c, 16).ptr;
  return "\\x{" + std::string(digits.data(), end) + "}";
}

std::string not_any_of(std::string_view one_character) {
  return "(?:(?!" + std::string(one_character) + ")" + std::string(kAnyCharacter) + ")";
}

// Two letters that a single character folds to: (?i:ss) matches a sharp s, (?i:st) a ligature.
bool folds_to_one(std::uint32_t first, std::uint32_t second) {
  const auto lower = [](std::uint32_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
  const std::uint32_t a = lower(first);
  const std::uint32_t b = lower(second);
  return (a == 's' && (b == 's' || b == 't')) || (a == 'f' && (b == 'f' || b == 'i' || b == 'l'));
}

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& who) : pattern_(pattern), who_(who) {}

  std::string run() && {
    while (at_ < pattern_.size()) step();
    require(groups_.size() == 1, who_, ": a group is not closed in the expression ", pattern_);
    close_options();
    return std::move(out_);
  }

 private:
  struct Group {
    std::size_t begin = 0;  // in out_
    bool is_look_around = false;
    bool ignores_case = false;  // as before the group
    bool dot_is_any = false;    // likewise
    int open_options = 0;       // of (?i) inside of it: they reach to the group's end
    // What the branch holds so far, and whether one before held nothing but anchors: such a group
    // cannot be repeated.
    bool has_anchor = false;
    bool has_atom = false;
    bool has_bare_branch = false;

    void end_branch() {
      has_bare_branch |= has_anchor && !has_atom;
      has_anchor = has_atom = false;
    }
  };
  // What a class holds between two &&.
  struct Operand {
    std::string items;                // of one class of PCRE2
    std::vector<std::string> others;  // expressions of one character
  };
  enum class Repeat { kNone, kInterval, kFixedInterval, kOther };

  [[noreturn]] void refuse(std::string_view what) const {
    fail(who_, ": ", what, " at byte ", at_, " of the expression ", pattern_,
         " is not supported (docs/formats/tokenizers.md)");
  }
  void expect(bool condition, std::string_view what) const {
    if (!condition) refuse(what);
  }

  bool follows(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }
  bool skip(std::string_view text) {
    if (!follows(text)) return false;
    at_ += text.size();
    return true;
  }
  CodePoint next_character() const { return code_point_at(pattern_.data() + at_); }

  // Something that a repeat may follow.
  void put_atom(std::string_view text) {
    forget_atom();
    atom_ = out_.size();
    groups_.back().has_atom = true;
    out_ += text;
  }
  void put_anchor(std::string_view text) {
    forget_atom();
    groups_.back().has_anchor = true;
    out_ += text;
  }
  void forget_atom() {
    atom_.reset();
    repeat_ = Repeat::kNone;
    last_literal_ = 0;
  }

  void step() {
    switch (pattern_[at_]) {
      case '\\':
        return escape();
      case '[':
        return put_atom(parse_class());
      case '(':
        return open_group();
      case ')':
        return close_group();
      case '{':
        return interval();
      case '*':
      case '+':
      case '?':
        return repeat();
      case '|':
        ++at_;
        forget_atom();
        groups_.back().end_branch();
        out_ += '|';
        return;
      case '^':
      case '$':
        put_anchor(pattern_.substr(at_, 1));
        ++at_;
        return;
      case '.':
        ++at_;
        return put_atom(dot_is_any_ ? kAnyCharacter : kNotNewLine);
      default:
        const CodePoint c = next_character();
        put_literal(c.value);
        at_ += c.size;
    }
  }

  void put_literal(std::uint32_t c) {
    if (ignores_case_) {
      check_folding(c);
      expect(!folds_to_one(last_literal_, c),
             "two letters that a ligature or a sharp s stands for, regardless of case,");
    }
    put_atom(literal(c));
    last_literal_ = c;
  }

  // Regardless of case a character may also be a sequence of others: only those are let through
  // for which the two libraries know the same.
  void check_folding(std::uint32_t c) const {
    expect(c < 0x80 || has_no_case(c), "a letter other than a to z regardless of case");
  }

  // -- Groups.

  void open_group() {
    Group group{.begin = out_.size(), .ignores_case = ignores_case_, .dot_is_any = dot_is_any_};
    if (!follows("(?")) {
      at_ += 1;
      expect(!follows("*"), "a callout");
      out_ += "(?:";
    } else if (is_option()) {
      const bool reaches_to_the_end = options();
      out_ += ignores_case_ ? "(?i:" : "(?-i:";
      if (reaches_to_the_end) {
        ++groups_.back().open_options;
        return forget_atom();
      }
    } else {
      out_ += opening(group);
    }
    groups_.push_back(group);
    // Letters on both sides of a bracket may still become one text.
    const std::uint32_t before = last_literal_;
    forget_atom();
    last_literal_ = before;
  }

  std::string_view opening(Group& group) {
    for (const std::string_view text : {"(?:", "(?>", "(?=", "(?!", "(?<=", "(?<!"}) {
      if (!skip(text)) continue;
      group.is_look_around = text != "(?:" && text != "(?>";
      return text;
    }
    refuse("a group");
  }

  bool is_option() const {
    const std::size_t end = pattern_.find_first_not_of("im-", at_ + 2);
    return end != pattern_.npos && end > at_ + 2 && (pattern_[end] == ':' || pattern_[end] == ')');
  }
  // Ruby's m lets the dot match line ends. Whether the options hold up to the group's end.
  bool options() {
    bool value = true;
    for (at_ += 2; pattern_[at_] != ':' && pattern_[at_] != ')'; ++at_) {
      if (pattern_[at_] == '-') {
        expect(value, "a group");
        value = false;
      } else {
        (pattern_[at_] == 'i' ? ignores_case_ : dot_is_any_) = value;
      }
    }
    return pattern_[at_++] == ')';
  }

  void close_options() { out_.append(static_cast<std::size_t>(groups_.back().open_options), ')'); }

  void close_group() {
    expect(groups_.size() > 1, "a bracket that closes nothing");
    close_options();
    groups_.back().end_branch();
    const Group group = groups_.back();
    groups_.pop_back();
    ++at_;
    out_ += ')';
    ignores_case_ = group.ignores_case;
    dot_is_any_ = group.dot_is_any;
    repeat_ = Repeat::kNone;
    const bool is_anchor = group.is_look_around || group.has_bare_branch;
    (is_anchor ? groups_.back().has_anchor : groups_.back().has_atom) = true;
    atom_.reset();
    if (!is_anchor) atom_ = group.begin;
  }

  // -- Repeats.

  void repeat() {
    const char c = pattern_[at_];
    if (repeat_ == Repeat::kInterval || repeat_ == Repeat::kFixedInterval) {
      // Behind {n,m} a question mark makes it lazy. Behind {n}, and a plus behind either, repeats
      // the whole.
      if (c == '?' && repeat_ == Repeat::kInterval) {
        out_ += '?';
      } else {
        out_.insert(*atom_, "(?:");
        (out_ += ')') += c;
      }
      ++at_;
      repeat_ = Repeat::kOther;
      return;
    }
    begin_repeat();
    out_ += c;
    ++at_;
    if (follows("?") || follows("+")) out_ += pattern_[at_++];  // lazy, possessive
    repeat_ = Repeat::kOther;
  }

  void begin_repeat() {
    expect(atom_.has_value(), "a repeat of nothing, of an anchor or of a look-around");
    expect(repeat_ == Repeat::kNone, "a repeat of a repeat");
    expect(!ignores_case_ || !folds_to_one(last_literal_, last_literal_),
           "a repeat of s or f regardless of case");
  }

  // {n}, {n,}, {n,m} and Ruby's {,m}.
  void interval() {
    const std::size_t end = pattern_.find_first_not_of("0123456789,", at_ + 1);
    expect(end != pattern_.npos && pattern_[end] == '}', "a brace");
    const std::string_view inside = pattern_.substr(at_ + 1, end - at_ - 1);
    const std::size_t comma = inside.find(',');
    expect(!inside.empty() && inside != "," && comma == inside.rfind(','), "a brace");
    begin_repeat();
    out_ += comma == 0 ? "{0" : "{";
    (out_ += inside) += '}';
    at_ = end + 1;
    repeat_ = comma == inside.npos ? Repeat::kFixedInterval : Repeat::kInterval;
  }

  // -- Escapes.

  void escape() {
    const char c = escaped();
    if (const auto set = shorthand(c)) {
      at_ += 2;
      return put_set(*set);
    }
    if (c == 'p' || c == 'P') return put_set(property());
    if (const auto same = code_point_escape()) return put_literal(*same);
    static const std::string kWordNext = "(?=[" + std::string(kWordItems) + "])";
    static const std::string kWordBefore = "(?<=[" + std::string(kWordItems) + "])";
    static const std::string kNoWordNext = "(?![" + std::string(kWordItems) + "])";
    static const std::string kNoWordBefore = "(?<![" + std::string(kWordItems) + "])";
    switch (c) {
      case 'R':
        put_atom(kLineBreak);
        break;
      case 'N':
        put_atom(kNotNewLine);
        break;
      case 'O':
        put_atom(kAnyCharacter);
        break;
      case 'b':
        put_anchor("(?:" + kWordBefore + kNoWordNext + "|" + kNoWordBefore + kWordNext + ")");
        break;
      case 'B':
        put_anchor("(?:" + kWordBefore + kWordNext + "|" + kNoWordBefore + kNoWordNext + ")");
        break;
      case 'A':
      case 'z':
      case 'Z':
      case 'G':
        put_anchor(pattern_.substr(at_, 2));
        break;
      default:
        refuse(pattern_.substr(at_, 2));
    }
    at_ += 2;
  }

  // The character behind a backslash.
  char escaped() const {
    require(at_ + 1 < pattern_.size(), who_, ": a backslash ends the expression ", pattern_);
    const char c = pattern_[at_ + 1];
    expect(static_cast<unsigned char>(c) < 0x80, "an escaped letter");
    return c;
  }

  // A set outside of a class.
  void put_set(const CharacterSet& set) {
    check_set(set);
    const std::string items(set.items_outside.empty() ? set.items : set.items_outside);
    put_atom((set.negated ? "[^" : "[") + items + "]");
  }
  void check_set(const CharacterSet& set) const {
    expect(!ignores_case_ || set.is_closed_under_case, "a property regardless of case");
  }

  // An escape that stands for one code point, and walks over it; none for any other.
  std::optional<std::uint32_t> code_point_escape() {
    const char c = pattern_[at_ + 1];
    if (c == 'x') return hexadecimal();
    if (c == 'u') return digits_at(at_ + 2, 4);
    constexpr std::string_view kNames = "tnrfvae";
    constexpr std::string_view kValues = "\t\n\r\f\v\a\x1B";
    std::optional<std::uint32_t> value;
    if (const std::size_t place = kNames.find(c); place != kNames.npos) {
      value = static_cast<std::uint32_t>(kValues[place]);
    } else if (!is_alphanumeric(c)) {
      value = static_cast<std::uint32_t>(c);
    }
    if (value) at_ += 2;
    return value;
  }

  // \x{H...}, and \xHH below 0x80: above that Oniguruma takes it for a byte.
  std::uint32_t hexadecimal() {
    if (!follows("\\x{")) {
      const std::uint32_t value = digits_at(at_ + 2, 2);
      expect(value < 0x80, "\\x");
      return value;
    }
    const std::size_t end = pattern_.find('}', at_);
    expect(end != pattern_.npos && end > at_ + 3 && end <= at_ + 11, "\\x{");
    const std::uint32_t value = digits_at(at_ + 3, end - at_ - 3);
    ++at_;
    return value;
  }

  std::uint32_t digits_at(std::size_t begin, std::size_t count) {
    const std::string_view digits = pattern_.substr(begin, count);
    std::uint32_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    expect(digits.size() == count && error == std::errc{} && end == digits.data() + count &&
               value < kNumCodePoints && (value < 0xD800 || value > 0xDFFF),
           pattern_.substr(at_, 2));
    at_ = begin + count;
    return value;
  }

  // \p{Lu}, \p{^Lu}, \P{Lu}.
  CharacterSet property() {
    const std::size_t end = pattern_.find('}', at_);
    expect(pattern_.substr(at_ + 2, 1) == "{" && end != pattern_.npos, "a property");
    std::string_view name = pattern_.substr(at_ + 3, end - at_ - 3);
    const bool inverted = name.starts_with('^');
    if (inverted) name.remove_prefix(1);
    std::optional<CharacterSet> set = named_property(name);
    expect(set.has_value(), "the property " + std::string(name));
    if ((pattern_[at_ + 1] == 'P') != inverted) set->negated = !set->negated;
    at_ = end + 1;
    return *set;
  }

  // -- Classes.

  // An expression of one character for the class that begins here; walks over it.
  std::string parse_class() {
    expect(++class_depth_ <= kDeepestClass, "a class inside of so many others");
    skip("[");
    const bool negated = skip("^");
    std::vector<Operand> operands(1);
    // A bracket right behind is a character of the class.
    if (follows("]")) add_characters(operands.back());
    while (!skip("]")) {
      require(at_ < pattern_.size(), who_, ": a class is not closed in the expression ", pattern_);
      if (skip("&&")) {
        expect(!follows("&"), "three &");
        operands.emplace_back();
      } else {
        add_item(operands.back());
      }
    }
    --class_depth_;
    return written(operands, negated);
  }

  static std::string written(const std::vector<Operand>& operands, bool negated) {
    if (operands.size() == 1 && operands[0].others.empty()) {
      return (negated ? "[^" : "[") + operands[0].items + "]";
    }
    std::string all = "(?:";
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const std::string one = written(operands[i]);
      all += i + 1 < operands.size() ? "(?=" + one + ")" : one;
    }
    all += ")";
    return negated ? not_any_of(all) : all;
  }
  static std::string written(const Operand& operand) {
    if (operand.others.empty()) {
      return operand.items.empty() ? std::string(kNever) : "[" + operand.items + "]";
    }
    std::string any = "(?:";
    if (!operand.items.empty()) any += "[" + operand.items + "]|";
    for (std::size_t i = 0; i < operand.others.size(); ++i) {
      any += (i > 0 ? "|" : "") + operand.others[i];
    }
    return any + ")";
  }

  void add_item(Operand& operand) {
    if (follows("[:")) return add_set(operand, bracket());
    if (follows("[")) {
      operand.others.push_back(parse_class());
      return expect_no_range();
    }
    if (follows("\\")) {
      const char c = escaped();
      if (c == 'p' || c == 'P') return add_set(operand, property());
      if (const auto set = shorthand(c)) {
        at_ += 2;
        return add_set(operand, *set);
      }
    }
    add_characters(operand);
  }

  void add_set(Operand& operand, const CharacterSet& set) {
    check_set(set);
    expect_no_range();
    if (set.negated) {
      operand.others.push_back("[^" + std::string(set.items) + "]");
    } else {
      operand.items += set.items;
    }
  }

  // Behind what is not a character a hyphen makes no range, unless it is the last.
  void expect_no_range() const {
    expect(!follows("-") || follows("-]"), "a hyphen behind what is not a single character");
  }

  // [:alpha:], [:^alpha:].
  CharacterSet bracket() {
    const std::size_t end = pattern_.find(":]", at_);
    expect(end != pattern_.npos, "a bracket [:");
    std::string_view name = pattern_.substr(at_ + 2, end - at_ - 2);
    const bool inverted = name.starts_with('^');
    if (inverted) name.remove_prefix(1);
    std::optional<CharacterSet> set = posix_bracket(name);
    expect(set.has_value(), "the bracket [:" + std::string(name) + ":]");
    if (inverted) set->negated = !set->negated;
    at_ = end + 2;
    return *set;
  }

  // A character, or a range of them.
  void add_characters(Operand& operand) {
    const bool is_first_hyphen = follows("-");
    const std::uint32_t first = class_character();
    operand.items += literal(first);
    if (!follows("-") || follows("-]")) return;
    ++at_;
    const bool is_range = !is_first_hyphen && !follows("-") && !follows("[") && !follows("&&");
    expect(is_range, "a hyphen");
    const std::uint32_t last = class_character();
    expect(first <= last, "a range that ends before it begins");
    expect(!ignores_case_ || last < 0x80, "a range beyond ASCII regardless of case");
    operand.items += "-" + literal(last);
    expect_no_range();
  }

  std::uint32_t class_character() {
    std::optional<std::uint32_t> value;
    if (follows("\\b")) {
      at_ += 2;
      value = '\b';
    } else if (follows("\\")) {
      (void)escaped();
      value = code_point_escape();
      if (!value) refuse(pattern_.substr(at_, 2));
    } else {
      const CodePoint c = next_character();
      at_ += c.size;
      value = c.value;
    }
    if (ignores_case_) check_folding(*value);
    return *value;
  }

  static constexpr int kDeepestClass = 20;

  std::string_view pattern_;
  const std::string& who_;
  std::size_t at_ = 0;
  std::string out_;
  std::vector<Group> groups_ = {Group{}};
  bool ignores_case_ = false;
  bool dot_is_any_ = false;
  int class_depth_ = 0;
  std::optional<std::size_t> atom_;  // where the last one begins in out_
  Repeat repeat_ = Repeat::kNone;    // behind it
  std::uint32_t last_literal_ = 0;   // the character that the atom is; 0 for none
};

}  // namespace

std::string to_pcre2(std::string_view pattern, const std::string& who) {
  return Translator(pattern, who).run();
}

}  // namespace superpose::tokenizer
