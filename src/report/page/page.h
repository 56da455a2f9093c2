// The report as one HTML page: its sections in order. Script and style are in page/.
#pragma once

#include <string>
#include <string_view>

#include "report/analysis.h"

namespace superpose::report {

// The page as one HTML document; `plotly_script` is the text of plotly.min.js. It refers to nothing
// outside itself, and its content security policy forbids the browser to fetch anything. All text
// from records is escaped.
std::string html_page(const Analysis& analysis, std::string_view plotly_script);

}  // namespace superpose::report
