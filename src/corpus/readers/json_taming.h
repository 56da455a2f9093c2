// JSON lines made digestible for the parser where Python's json would read them.
#pragma once

#include <string>
#include <string_view>

namespace superpose::corpus {

// Overwrites in a line of JSON what parsers refuse though the record is well-formed, or is what
// Python's json writes and reads:
//
//   a number, of any size           0, and white space
//   NaN, Infinity, -Infinity        likewise
//   \ud83d, half a surrogate pair   \u and `stand_in`, four hexadecimal digits
//
// All else stays, malformed numbers too; so does the length.
void tame_json(std::string& line, std::string_view stand_in);

}  // namespace superpose::corpus
