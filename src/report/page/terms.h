// What the words of the page mean, told where each first stands.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace superpose::report {

// The explanations of those terms that the text of `html` uses and that are not in `told`, which
// gets them; "" where there are none.
std::string explain_terms(std::string_view html, std::set<std::string>& told);

}  // namespace superpose::report
