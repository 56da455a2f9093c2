#include "report/page/html.h"

#include "util/utf8.h"

namespace superpose::report {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// `label`: what stands above the cell, for screens on which a row is a list.
std::string cell_html(const Cell& cell, const char* tag, bool is_heading,
                      const std::string& label) {
  std::string html = std::string("<") + tag;
  if (is_heading) html += " scope=\"row\"";
  if (!label.empty()) html += " data-label=\"" + escape_html(label) + "\"";
  std::string css_class = cell.is_number ? "num" : "";
  if (!cell.css_class.empty()) css_class += (css_class.empty() ? "" : " ") + cell.css_class;
  if (!css_class.empty()) html += " class=\"" + escape_html(css_class) + "\"";
  html += ">" + escape_html(cell.main);
  if (!cell.sub.empty()) html += "<small>" + escape_html(cell.sub) + "</small>";
  return html + "</" + tag + ">";
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string html;
  html.reserve(text.size());
  for (const char c : util::replace_invalid_utf8(text)) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

std::string escape_script_json(std::string_view json) {
  std::string safe(json);
  replace_all(safe, "<", "\\u003c");
  return safe;
}

std::string escape_script(std::string_view script) {
  // Inside strings and regular expressions, the only places where it can stand, "<\/script" means
  // the same.
  std::string safe(script);
  replace_all(safe, "</script", "<\\/script");
  replace_all(safe, "<!--", "<\\!--");
  return safe;
}

std::string table(const HtmlTable& table) {
  std::string html =
      "<div class=\"scroll\"><table class=\"" + escape_html(table.css_class) + "\"><thead><tr>";
  for (const Cell& cell : table.head) html += cell_html(cell, "th", false, "");
  html += "</tr></thead><tbody>";
  for (const std::vector<Cell>& row : table.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string label = i > 0 && i < table.head.size() ? table.head[i].main : "";
      html += cell_html(row[i], i == 0 ? "th" : "td", i == 0, label);
    }
    html += "</tr>";
  }
  return html + "</tbody></table></div>\n";
}

}  // namespace superpose::report
