#pragma once

#include "report/analysis.h"

namespace superpose::report {

// What the evidence allows to say of an arm. It is read off the interval as the page shows it: an
// outcome that gets one, from whatever source, gets its verdict by the same rule.
enum class Verdict {
  kNone,     // no finished pair
  kTooFew,   // one or two seeds and no interval: luck cannot be told from gain
  kUnclear,  // the interval holds 0
  kAhead,    // it lies above
  kBehind,   // it lies below
};
Verdict verdict_of(const GainOutcome& outcome);

// The comparison that the report opens with: of those at equal FLOPs (of all, where there are none)
// the one with the largest gain, the first of equals. Null where none has a result.
struct Best {
  const Comparison* comparison = nullptr;
  std::int64_t among = 0;  // comparisons that it was chosen from
};
Best best_comparison(const Analysis& analysis);

}  // namespace superpose::report
