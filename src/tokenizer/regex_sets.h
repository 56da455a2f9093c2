// The named sets of characters of Oniguruma, as items of a class of PCRE2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace superpose::tokenizer {

// \w inside of a class. Outside of one it has six numbers of Latin-1 more, and so has \b.
inline constexpr std::string_view kWordItemsInClass = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
inline constexpr std::string_view kWordItems =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";

struct CharacterSet {
  std::string items;
  std::string_view items_outside = {};  // of a class, where they are others
  bool negated = false;
  bool is_closed_under_case = false;  // regardless of case it is the same set
};

// \d, \D, \s, \S, \w, \W, \h (a hexadecimal digit), \H by their letter; none for other letters.
std::optional<CharacterSet> shorthand(char letter);

// [:alpha:] by its name.
std::optional<CharacterSet> posix_bracket(std::string_view name);

// \p{name}: general categories, scripts, and those of the brackets. A name that is none of them is
// taken for a script, which PCRE2 refuses if it knows none of that name.
std::optional<CharacterSet> named_property(std::string_view name);

// Whether a character beyond ASCII is the same whatever its case, by itself and next to any other.
bool has_no_case(std::uint32_t c);

}  // namespace superpose::tokenizer
