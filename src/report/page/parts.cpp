#include "report/page/parts.h"

#include "report/page/html.h"
#include "report/page/terms.h"

namespace superpose::report {

std::string section_html(const Section& section, std::set<std::string>& told) {
  std::string inside = section.hint.empty() ? "" : element("p", "hint", section.hint);
  inside += section.body;
  inside += explain_terms(inside + " " + section.drawn_words, told);
  const std::string heading = "<h2>" + escape_html(section.title) + "</h2>";
  const std::string begin = "<section id=\"" + section.id + "\">";
  if (!section.is_folded) return begin + heading + "\n" + inside + "</section>\n";
  return begin + "<details class=\"fold\"><summary>" + heading + "</summary>\n" + inside +
         "</details></section>\n";
}

std::string contents_html(const std::vector<Section>& sections) {
  std::string html = "<nav class=\"contents\" aria-label=\"Contents\"><ul>\n";
  for (const Section& section : sections) {
    html += "<li><a href=\"#" + section.id + "\">" + escape_html(section.title) + "</a></li>\n";
  }
  return html + "</ul></nav>\n";
}

std::string element(const std::string& tag, const std::string& css_class, const std::string& text) {
  return "<" + tag + " class=\"" + css_class + "\">" + escape_html(text) + "</" + tag + ">\n";
}

std::string list_of(const std::string& css_class, const std::vector<std::string>& sentences) {
  if (sentences.empty()) return "";
  if (sentences.size() == 1) return element("p", css_class + " single", sentences.front());
  std::string html = "<ul class=\"" + css_class + "\">\n";
  for (const std::string& sentence : sentences) html += "<li>" + escape_html(sentence) + "</li>\n";
  return html + "</ul>\n";
}

std::string tile(const std::string& label, const std::string& value, const std::string& sub) {
  return "<div class=\"tile\"><span>" + escape_html(label) + "</span><strong>" +
         escape_html(value) + "</strong><small>" + escape_html(sub) + "</small></div>\n";
}

std::string figure(const std::string& id, const std::string& caption) {
  return "<figure><div class=\"controls\" data-for=\"" + id + "\"></div><div class=\"plot\" id=\"" +
         id + "\"></div><figcaption>" + escape_html(caption) + "</figcaption></figure>\n";
}

}  // namespace superpose::report
