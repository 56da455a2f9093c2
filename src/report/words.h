#pragma once

#include <string>
#include <vector>

#include "report/analysis.h"

namespace superpose::report {

// The result for people who have not read the paper. The headline is of the best arm.
struct Words {
  std::string headline;
  std::vector<std::string> sentences;
};
Words put_in_words(const Analysis& analysis);

}  // namespace superpose::report
