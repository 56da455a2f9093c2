#include "report/html.h"

namespace superpose::report {
namespace {

// Bytes of the UTF-8 sequence that starts at `text[at]`; 0 where there is none. Overlong forms are
// let through: they cannot hold an ASCII character that was not escaped, browsers show them as
// replacement marks.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  std::size_t length = 0;
  if (lead < 0x80) length = 1;
  if (lead >= 0xC2 && lead < 0xE0) length = 2;
  if (lead >= 0xE0 && lead < 0xF0) length = 3;
  if (lead >= 0xF0 && lead < 0xF5) length = 4;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xC0U) != 0x80U) return 0;
  }
  return length;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string cell_html(const Cell& cell, const char* tag, bool is_heading) {
  std::string html = std::string("<") + tag;
  if (is_heading) html += " scope=\"row\"";
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
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text, at);
    switch (text[at]) {
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
        length == 0 ? html += "&#xFFFD;" : html += text.substr(at, length);
    }
    at += length == 0 ? 1 : length;
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
  for (const Cell& cell : table.head) html += cell_html(cell, "th", false);
  html += "</tr></thead><tbody>";
  for (const std::vector<Cell>& row : table.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i)
      html += cell_html(row[i], i == 0 ? "th" : "td", i == 0);
    html += "</tr>";
  }
  return html + "</tbody></table></div>\n";
}

}  // namespace superpose::report
