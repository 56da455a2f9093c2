// Tables of text.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace superpose::util {

// Writes rows of as many cells each, columns two spaces apart and as wide as their widest cell
// (bytes); the first `left` columns aligned to the left, the others to the right.
void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows,
                 std::size_t left);

}  // namespace superpose::util
