// The style sheet and the script of the page, compiled in.
#pragma once

#include <string_view>

namespace superpose::report {

// page/style.css and page/page.js, compiled in.
std::string_view page_style();
std::string_view page_script();

}  // namespace superpose::report
