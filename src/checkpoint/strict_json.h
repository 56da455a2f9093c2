// JSON of files that others wrote, read with limits.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "util/json.h"

namespace superpose::checkpoint {

// Parses an object of a file that others wrote. Unlike util::parse_json it refuses a key that
// occurs twice in one object (which value counts would be up to the reader), and its objects are
// trees, so that a hostile number of keys costs n log n. `max_depth` is for a format that nests
// less than JSON may. Throws util::Error that begins with `who`.
nlohmann::json parse_strict_object(std::string_view text, const std::string& who,
                                   int max_depth = util::kDeepestJson);

}  // namespace superpose::checkpoint
