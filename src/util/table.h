// Tables of text.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace superpose::util {

using TableRow = std::vector<std::string>;

// Writes rows of as many cells each, columns two spaces apart and as wide as their widest cell
// (bytes). `columns` aligns each to the left, 'l', or to the right, 'r'; its last letter holds for
// all that follow. Every line begins with `indent`.
void print_table(std::ostream& out, const std::vector<TableRow>& rows, std::string_view columns,
                 std::string_view indent = "");

}  // namespace superpose::util
