// What the page opens with: the result in one sentence, its figures, and what to beware of.
#pragma once

#include <string>

#include "report/analysis.h"
#include "report/words/words.h"

namespace superpose::report {

std::string hero(const Analysis& analysis, const Words& words);

}  // namespace superpose::report
