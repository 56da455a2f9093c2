// Glob patterns on paths.
#pragma once

#include <string_view>

namespace superpose::corpus {

// Whether a path matches a pattern, as shells do it: * and ? stop at '/', [a-z] and [!a-z] stand
// for one character, ** crosses folders ("**/" also for no folder at all). Case matters; a leading
// dot is nothing special.
bool glob_matches(std::string_view pattern, std::string_view path);

// As glob_matches, but a pattern without '/' is held against the last part of the path: "*.py"
// matches "a/b.py".
bool filter_matches(std::string_view pattern, std::string_view path);

// Whether a name holds any of * ? [.
bool is_glob(std::string_view name);

}  // namespace superpose::corpus
