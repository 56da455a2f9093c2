// The result in words, put together from the sentences.
#pragma once

#include <string>
#include <vector>

#include "report/analysis.h"

namespace superpose::report {

// The result for people who have not read the paper. Headline and opening are of the best arm.
struct Words {
  std::string headline;
  // What it gained, the two errors of that, what it saved and cost in text; of many arms one
  // paragraph about all of them.
  std::vector<std::string> opening;
  std::vector<std::string> sentences;  // everything else
  std::vector<std::string> ranking;    // of many arms: one line each, the best first
};
Words put_in_words(const Analysis& analysis);

// The notes of the analysis, with one line per arm for its runs that have not begun.
std::vector<std::string> told_notes(const Analysis& analysis);

}  // namespace superpose::report
