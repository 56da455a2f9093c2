#include "util/table.h"

#include <algorithm>
#include <ostream>

namespace superpose::util {

void print_table(std::ostream& out, const std::vector<TableRow>& rows, std::string_view columns,
                 std::string_view indent) {
  if (rows.empty()) return;
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const TableRow& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const TableRow& row : rows) {
    std::string line(indent);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      const bool is_left = columns[std::min(i, columns.size() - 1)] == 'l';
      line += (i == 0 ? "" : "  ") + (is_left ? row[i] + padding : padding + row[i]);
    }
    out << line.substr(0, line.find_last_not_of(' ') + 1) << '\n';
  }
}

}  // namespace superpose::util
