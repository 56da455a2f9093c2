#include "report/verdict.h"

#include "report/text.h"

namespace superpose::report {

Verdict verdict_of(const GainOutcome& outcome) {
  if (!outcome.available) return Verdict::kNone;
  const Interval& interval = outcome.interval;
  if (!interval.low) return Verdict::kTooFew;
  const Side low = side_of(*interval.low);
  const Side high = side_of(*interval.high);
  if (low != high || low == Side::kLevel) return Verdict::kUnclear;
  return low == Side::kAhead ? Verdict::kAhead : Verdict::kBehind;
}

Best best_comparison(const Analysis& analysis) {
  Best best;
  const auto is_matched = [](const Comparison& comparison) {
    return comparison.equal_flops.mean.match != Match::kUnmatched;
  };
  for (const Comparison& comparison : analysis.comparisons) {
    if (!comparison.equal_flops.available) continue;
    if (best.comparison == nullptr || (is_matched(comparison) && !is_matched(*best.comparison))) {
      best = {&comparison, 1};
    } else if (is_matched(comparison) == is_matched(*best.comparison)) {
      const double gain = comparison.equal_flops.mean.gain;
      if (gain > best.comparison->equal_flops.mean.gain) best.comparison = &comparison;
      ++best.among;
    }
  }
  return best;
}

}  // namespace superpose::report
