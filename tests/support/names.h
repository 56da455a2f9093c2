// What a message must name.
#pragma once

#include <gmock/gmock.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace superpose::test {

// Whether `part` stands in `text`, and not as a piece of a longer word or number. An empty part
// names nothing.
inline bool stands_in(std::string_view text, std::string_view part) {
  const auto in_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (part.empty()) return false;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + 1)) {
    const std::size_t end = at + part.size();
    const bool begins = at == 0 || !in_word(text[at - 1]) || !in_word(part.front());
    const bool ends = end == text.size() || !in_word(text[end]) || !in_word(part.back());
    if (begins && ends) return true;
  }
  return false;
}

MATCHER_P(Names, part, (negation ? "does not name " : "names ") + testing::PrintToString(part)) {
  return stands_in(arg, part);
}

// A message that names all of `parts`: the key, the value that was given, the file, the choices.
// How the sentence puts them is its own affair.
template <class... Parts>
auto names(const Parts&... parts) {
  return testing::AllOf(Names(std::string(parts))...);
}

// The same of a list, for tables of cases.
inline auto names(const std::vector<std::string>& parts) {
  std::vector<testing::Matcher<const std::string&>> all;
  for (const std::string& part : parts) all.push_back(Names(part));
  return testing::AllOfArray(all);
}

}  // namespace superpose::test
