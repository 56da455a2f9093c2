// Text as Python's str handles it: prompts and measures of published evaluations are defined by it.
//
// All texts are valid UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace superpose::tasks {

// Without the white space (str.isspace) at its beginning, at its end, at both.
std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);
std::string_view strip(std::string_view text);

// str.capitalize: the first character in title case, all others in lower case. By the mappings of
// single code points, so that the few characters which become several ("ß") stay as they are.
std::string capitalize(std::string_view text);

// str.replace: each occurrence of `find` (not empty), from the left, without overlap.
std::string replace_all(std::string_view text, std::string_view find, std::string_view with);

// len(str): code points.
std::int64_t count_characters(std::string_view text);

// len(re.split(r"\s+", text)): one more than there are runs of white space.
std::int64_t count_words(std::string_view text);

}  // namespace superpose::tasks
