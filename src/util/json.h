// JSON, with errors that name the file.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace superpose::util {

// Keys keep the order in which they were put in.
using Json = nlohmann::ordered_json;

// What may lie in one another. Texts that nest deeper are somebody's mistake or malice, and what
// walks through them (printing, comparing) would use up the stack.
inline constexpr int kDeepestJson = 500;

// Throws Error "<who>: not valid JSON at byte N: ..." where the text is not JSON, and where arrays
// and objects are nested deeper than kDeepestJson. `who` is a file name or the like.
Json parse_json(std::string_view text, std::string_view who);

// "not valid JSON at byte N: ...": what the parser says, without the marks of its library.
std::string not_json(const nlohmann::json::exception& error);

// A value for a message: as JSON, shortened.
std::string shown(const Json& value);

}  // namespace superpose::util
