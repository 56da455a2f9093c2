// What the evidence allows to say: verdicts, the best comparison, the speed-up to quote.
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

// The speed-up that is told first: the primary one, or, where the arm's budgets do not give its
// value but the baseline's give the secondary one's, that. Null where there is neither.
struct ToldSpeedUp {
  const SpeedUpOutcome* flops = nullptr;
  const SpeedUpOutcome* time = nullptr;
  bool is_secondary = false;  // at the arm's final loss, on the baseline's budgets
};
ToldSpeedUp told_speed_up(const Comparison& comparison);

}  // namespace superpose::report
