#include "tokenizer/regex_sets.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace superpose::tokenizer {
namespace {

struct NamedItems {
  std::string_view name;
  std::string_view items;
  bool is_closed_under_case = false;
  bool negated = false;
};

// What PCRE2's tables (Unicode 14) lack of Oniguruma's (16) among older characters is written out.
constexpr auto kBrackets = std::to_array<NamedItems>({
    {"alnum",
     R"(\p{Alphabetic}\p{Nd}\x{363}-\x{36F}\x{C04}\x{F82}\x{F83}\x{1DD3}-\x{1DE6}\x{11080}\x{11081})"},
    {"alpha",
     R"(\p{Alphabetic}\x{363}-\x{36F}\x{C04}\x{F82}\x{F83}\x{1DD3}-\x{1DE6}\x{11080}\x{11081})"},
    {"ascii", R"(\x{0}-\x{7F})"},
    {"blank", R"(\p{Zs}\t)", true},
    {"cntrl", R"(\p{Cc})", true},
    {"digit", R"(\p{Nd})", true},
    {"graph", R"(\p{White_Space}\p{Cc}\p{Cn}\p{Cs})", false, true},
    {"lower", R"(\p{Lowercase}\x{10FC}\x{A7F2}-\x{A7F4}\x{AB69})"},
    {"print", R"(\p{Cc}\p{Cn}\p{Cs}\p{Zl}\p{Zp})", false, true},
    {"punct", R"(\p{P}\p{S})"},
    {"space", R"(\p{White_Space})", true},
    {"upper", R"(\p{Uppercase})"},
    {"word", kWordItemsInClass, true},
    {"xdigit", "0-9A-Fa-f", true},
});

// Names of properties for which a bracket's set is meant, or another one than it.
constexpr auto kProperties = std::to_array<NamedItems>({
    {"alphabetic", "alpha"},
    {"any", R"(\x{0}-\x{10FFFF})"},
    {"emoji", R"(\p{Emoji})"},
    {"extendedpictographic", R"(\p{Extended_Pictographic})"},
    {"lc", R"(\p{L&})"},
    {"lowercase", "lower"},
    {"punct", R"(\p{P})"},
    {"uppercase", "upper"},
    {"whitespace", "space"},
});

constexpr auto kCategories = std::to_array<std::string_view>(
    {"C",  "Cc", "Cf", "Cn", "Co", "Cs", "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",
     "Mc", "Me", "Mn", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Pe", "Pf", "Pi",
     "Po", "Ps", "S",  "Sc", "Sk", "Sm", "So", "Z",  "Zl", "Zp", "Zs"});

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Names of properties are compared without case, spaces, hyphens and underscores.
std::string folded(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c != ' ' && c != '-' && c != '_') text += lower(c);
  }
  return text;
}

}  // namespace

std::optional<CharacterSet> posix_bracket(std::string_view name) {
  const auto found = std::find_if(kBrackets.begin(), kBrackets.end(),
                                  [&](const NamedItems& bracket) { return bracket.name == name; });
  if (found == kBrackets.end()) return {};
  return CharacterSet{.items = std::string(found->items),
                      .negated = found->negated,
                      .is_closed_under_case = found->is_closed_under_case};
}

std::optional<CharacterSet> shorthand(char letter) {
  std::optional<CharacterSet> set;
  switch (lower(letter)) {
    case 'd':
      set = posix_bracket("digit");
      break;
    case 's':
      set = posix_bracket("space");
      break;
    case 'w':
      set = posix_bracket("word");
      set->items_outside = kWordItems;
      break;
    case 'h':
      set = posix_bracket("xdigit");
      break;
    default:
      return {};
  }
  set->negated = letter < 'a';
  return set;
}

std::optional<CharacterSet> named_property(std::string_view name) {
  const std::string text = folded(name);
  for (const NamedItems& property : kProperties) {
    if (property.name != text) continue;
    if (auto same = posix_bracket(property.items)) return same;
    return CharacterSet{.items = std::string(property.items)};
  }
  if (text == "word") return shorthand('w');
  if (auto bracket = posix_bracket(text)) return bracket;
  for (const std::string_view category : kCategories) {
    if (folded(category) == text) return CharacterSet{"\\p{" + std::string(category) + "}"};
  }
  const bool is_name = text.size() > 2 && std::all_of(text.begin(), text.end(),
                                                      [](char c) { return c >= 'a' && c <= 'z'; });
  if (!is_name) return {};
  // Without "sc:" PCRE2 would go by the extended scripts.
  return CharacterSet{"\\p{sc:" + text + "}"};
}

bool has_no_case(std::uint32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
    case UTF8PROC_CATEGORY_ZS:
      return true;
    default:
      return false;
  }
}

}  // namespace superpose::tokenizer
