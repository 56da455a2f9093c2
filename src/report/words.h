#pragma once

#include <string>
#include <vector>

#include "report/analysis.h"

namespace superpose::report {

enum class Verdict {
  kNone,   // no finished pair
  kAhead,  // from three seeds on: the interval lies above 0; before: every seed is ahead
  kBehind,
  kLevel,    // under three seeds: less than half a thousandth of a nat
  kUnclear,  // the interval holds 0, or two seeds disagree
};
Verdict verdict_of(const GainOutcome& outcome);

// The result for people who have not read the paper.
struct Words {
  std::string headline;
  std::vector<std::string> sentences;
};
Words put_in_words(const Analysis& analysis);

}  // namespace superpose::report
