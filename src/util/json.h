// JSON, with errors that name the file.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace superpose::util {

// Keys keep the order in which they were put in.
using Json = nlohmann::ordered_json;

// Throws Error "<who>: not valid JSON at byte N, ..." where the text is not JSON. `who` is a file
// name or the like.
Json parse_json(std::string_view text, std::string_view who);

}  // namespace superpose::util
