// The pieces that the page is put together from.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace superpose::report {

// A part of the page with a heading; without a body it is left out.
struct Section {
  std::string id;
  std::string title;
  std::string hint;  // text under the heading
  std::string body;  // HTML
  // Words that page.js writes into the body, such as the names of buttons: what they mean is told
  // with the rest.
  std::string drawn_words = {};
  bool is_folded = false;  // opened by the reader
};

// `told`: the terms that the page has explained already (terms.h).
std::string section_html(const Section& section, std::set<std::string>& told);

// Links to the sections, in their order.
std::string contents_html(const std::vector<Section>& sections);

std::string element(const std::string& tag, const std::string& css_class, const std::string& text);
std::string list_of(const std::string& css_class, const std::vector<std::string>& sentences);
std::string tile(const std::string& label, const std::string& value, const std::string& sub);

// A place that plots.js draws into, with its buttons above.
std::string figure(const std::string& id, const std::string& caption);

}  // namespace superpose::report
