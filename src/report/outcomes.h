// The outcomes of one arm against the baseline, each per seed and then over seeds. `analysis` must
// hold its runs.
#pragma once

#include <optional>
#include <string>

#include "report/analysis.h"

namespace superpose::report {

// Gain at budget 1. An arm of other FLOPs per position is read off its own budget curve at the
// baseline's FLOPs, where that covers them (Match::kInterpolated), else compared at equal budget
// and marked (Match::kUnmatched).
GainOutcome equal_flops_outcome(const Analysis& analysis, const std::string& arm);

// How much the difference of final losses varies over the seeds that both have at a budget; nothing
// for less than two.
std::optional<Spread> spread_at(const Analysis& analysis, const std::string& arm, double budget);

// Gain at the arm's raw tokens of budget 1, the baseline's loss log-interpolated between its
// budgets; where the baseline's budgets do not reach that far, at the baseline's raw tokens of
// budget 1 on the arm's curve.
GainOutcome equal_raw_tokens_outcome(const Analysis& analysis, const std::string& arm);

enum class CostAxis { kFlops, kSeconds };

// Primary: at the baseline's final loss at budget 1, the baseline's cost over the arm's cost, which
// is read off the arm's budgets.
SpeedUpOutcome speed_up_outcome(const Analysis& analysis, const std::string& arm, CostAxis axis);

// Secondary: at the arm's final loss at budget 1, the baseline's cost, which is read off its
// budgets, over the arm's cost.
SpeedUpOutcome secondary_speed_up_outcome(const Analysis& analysis, const std::string& arm,
                                          CostAxis axis);

// Gap between the validation curves at budget 1 (baseline - arm) against FLOPs, one curve per seed;
// the baseline's loss between its validation points is linear in FLOPs, and nothing is read off
// outside them.
void add_gaps(const Analysis& analysis, Comparison& comparison);

}  // namespace superpose::report
