// The style sheet and the script of the page, compiled in.
#pragma once

#include <string_view>

namespace superpose::report {

// style.css; tools.js and page.js.
std::string_view page_style();
std::string_view page_script();

}  // namespace superpose::report
