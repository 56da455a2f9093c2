#include "report/words/verdict.h"

#include <algorithm>
#include <vector>

#include "report/words/ranking.h"
#include "report/words/text.h"

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
  const std::vector<const Comparison*> found = ranked(analysis);
  if (found.empty()) return {};
  const auto is_unmatched = [](const Comparison* comparison) {
    return comparison->equal_flops.mean.match == Match::kUnmatched;
  };
  // Those at equal FLOPs stand first; they are not compared with the others.
  const auto others = std::find_if(found.begin(), found.end(), is_unmatched);
  return {found.front(), others == found.begin() ? std::ssize(found) : others - found.begin()};
}

ToldSpeedUp told_speed_up(const Comparison& comparison) {
  const SpeedUpOutcome& primary = comparison.speed_up;
  const SpeedUpOutcome& secondary = comparison.speed_up_secondary;
  const auto has_value = [](const SpeedUpOutcome& outcome) {
    return outcome.available && outcome.determined && outcome.bound == Bound::kExact;
  };
  const bool use_secondary =
      !has_value(primary) && (has_value(secondary) || (secondary.available && !primary.available));
  if (use_secondary) return {&secondary, &comparison.speed_up_secondary_time, true};
  if (!primary.available) return {};
  return {&primary, &comparison.speed_up_time, false};
}

}  // namespace superpose::report
