// HTML escaping and tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace superpose::report {

// Text as HTML text or attribute value: & < > " ' replaced, bytes that are not UTF-8 shown as a
// replacement mark.
std::string escape_html(std::string_view text);

// JSON text made safe inside a <script> element: no "<" stays.
std::string escape_script_json(std::string_view json);

// Script source made safe inside a <script> element: "</script" cannot end it.
std::string escape_script(std::string_view script);

// One cell: `main` and a smaller line below it; both are escaped by table().
struct Cell {
  std::string main;
  std::string sub;
  bool is_number = false;  // right-aligned, tabular figures
  std::string css_class = {};
};
struct HtmlTable {
  std::string css_class;
  std::vector<Cell> head;
  std::vector<std::vector<Cell>> rows;  // the first cell of a row is its heading
};
std::string table(const HtmlTable& table);

}  // namespace superpose::report
