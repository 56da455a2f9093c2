#include "report/outcomes.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "report/load.h"
#include "report/words/text.h"

namespace superpose::report {
namespace {

constexpr double kSameCost = 1e-6;  // relative

double cost_of(const Run& run, CostAxis axis) {
  return axis == CostAxis::kFlops ? run.flops : run.seconds;
}

// All finished results of one seed, budgets in order.
std::vector<const Run*> budget_runs(const Analysis& analysis, const std::string& arm,
                                    std::int64_t seed) {
  std::vector<const Run*> found;
  for (const Run& run : analysis.runs) {
    if (is_result(run.entry.role) && run.finished && run.entry.arm == arm && run.entry.seed == seed)
      found.push_back(&run);
  }
  return found;
}

// Runs whose records do not say the cost (0, from another trainer) are left out.
template <class Cost>
std::vector<CostPoint> curve(const std::vector<const Run*>& runs, const Cost& cost) {
  std::vector<CostPoint> points;
  for (const Run* run : runs) {
    if (cost(*run) > 0) points.push_back({cost(*run), run->final_loss});
  }
  return points;
}

std::optional<double> read_off(const std::vector<CostPoint>& points, double cost) {
  if (points.empty() || !(cost > 0)) return std::nullopt;
  return loss_at_cost(points, cost);
}

double tokens_of(const Run& run) { return static_cast<double>(run.raw_tokens); }

// Pairs of runs of one budget with the same seed: (baseline, arm).
std::vector<std::pair<const Run*, const Run*>> pairs(const Analysis& analysis,
                                                     const std::string& arm, double budget = 1) {
  std::vector<std::pair<const Run*, const Run*>> found;
  for (const Run* baseline : analysis.results(analysis.experiment.baseline, budget)) {
    for (const Run* other : analysis.results(arm, budget)) {
      if (other->entry.seed == baseline->entry.seed) found.emplace_back(baseline, other);
    }
  }
  return found;
}

SeedGain gain_between(const Run& baseline, const Run& arm) {
  SeedGain gain;
  gain.seed = arm.entry.seed;
  gain.baseline_loss = baseline.final_loss;
  gain.arm_loss = arm.final_loss;
  gain.baseline_flops = baseline.flops;
  gain.arm_flops = arm.flops;
  gain.baseline_tokens = tokens_of(baseline);
  gain.arm_tokens = tokens_of(arm);
  return gain;
}

void close_gain(GainOutcome& outcome) {
  std::vector<double> gains;
  const auto n = static_cast<double>(outcome.seeds.size());
  SeedGain& mean = outcome.mean;
  for (SeedGain& seed : outcome.seeds) {
    seed.gain = seed.baseline_loss - seed.arm_loss;
    gains.push_back(seed.gain);
    for (const auto figure :
         {&SeedGain::baseline_loss, &SeedGain::arm_loss, &SeedGain::gain, &SeedGain::baseline_flops,
          &SeedGain::arm_flops, &SeedGain::baseline_tokens, &SeedGain::arm_tokens}) {
      mean.*figure += seed.*figure / n;
    }
    mean.match = std::max(mean.match, seed.match);
  }
  outcome.interval = mean_interval(gains);
  if (outcome.interval.low) outcome.source = IntervalSource::kSeeds;
  outcome.spread = spread_of(gains);
  outcome.available = !outcome.seeds.empty();
}

bool has_several_budgets(const Analysis& analysis, const std::string& arm) {
  std::set<double> budgets;
  for (const RunEntry& run : analysis.experiment.runs) {
    if (run.arm == arm && is_result(run.role)) budgets.insert(run.budget);
  }
  return budgets.size() >= 2;
}

// What a curve says about the cost of a target, as a factor baseline / arm. `read` is the arm whose
// curve was read.
enum class ReadArm { kBaseline, kArm };
SeedSpeedUp factor_of(const ReachedCost& reached, double other_cost, ReadArm read) {
  SeedSpeedUp result;
  const bool read_arm = read == ReadArm::kArm;
  result.baseline_cost = read_arm ? other_cost : reached.cost;
  result.arm_cost = read_arm ? reached.cost : other_cost;
  result.factor = result.baseline_cost / result.arm_cost;
  // A cost below what was measured makes the factor larger where the arm's cost was read, smaller
  // where the baseline's was; never reached is the other way round.
  if (reached.reach == Reach::kBelowRange)
    result.bound = read_arm ? Bound::kAtLeast : Bound::kAtMost;
  if (reached.reach == Reach::kNever) result.bound = read_arm ? Bound::kAtMost : Bound::kAtLeast;
  return result;
}

void close_speed_up(SpeedUpOutcome& outcome) {
  std::vector<double> factors;
  bool at_least = false;
  bool at_most = false;
  for (const SeedSpeedUp& seed : outcome.seeds) {
    factors.push_back(seed.factor);
    at_least |= seed.bound == Bound::kAtLeast;
    at_most |= seed.bound == Bound::kAtMost;
  }
  outcome.available = !outcome.seeds.empty();
  outcome.interval = ratio_interval(factors);
  outcome.determined = !(at_least && at_most);
  outcome.bound = at_least ? Bound::kAtLeast : at_most ? Bound::kAtMost : Bound::kExact;
  if (at_least || at_most) {  // a t interval of bounds means nothing
    outcome.interval.low.reset();
    outcome.interval.high.reset();
  }
}

// At the final losses of `target` at budget 1; costs there are read off the budgets of `read_off`,
// which is the arm or the baseline, as `read` says.
SpeedUpOutcome speed_up(const Analysis& analysis, const std::string& target,
                        const std::string& read_off, CostAxis axis, ReadArm read) {
  SpeedUpOutcome outcome;
  if (!has_several_budgets(analysis, read_off)) {
    outcome.why_not = "needs a budget curve of " + read_off;
    return outcome;
  }
  for (const Run* run : analysis.results(target, 1)) {
    const std::vector<const Run*> budgets = budget_runs(analysis, read_off, run->entry.seed);
    const auto points = curve(budgets, [axis](const Run& point) { return cost_of(point, axis); });
    if (points.empty() || !(cost_of(*run, axis) > 0)) continue;
    SeedSpeedUp seed = factor_of(cost_at_loss(points, run->final_loss), cost_of(*run, axis), read);
    seed.seed = run->entry.seed;
    seed.target_loss = run->final_loss;
    outcome.seeds.push_back(seed);
  }
  close_speed_up(outcome);
  if (!outcome.available) outcome.why_not = "no seed has finished in both arms";
  return outcome;
}

// The validation points of a run that have the quoted loss, by FLOPs.
std::vector<CostPoint> quoted_curve(const Run& run, QuotedLoss quoted) {
  std::vector<CostPoint> points;
  for (const metrics::ValidationRecord& point : run.records.validations) {
    const std::optional<double> loss = find_quoted_loss(point, quoted);
    const auto positions = static_cast<double>(point.positions);
    if (loss) points.push_back({positions * run.records.header.flops_per_position, *loss});
  }
  return points;
}

std::optional<double> loss_between(const std::vector<CostPoint>& points, double flops) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    const CostPoint& after = points[i];
    if (std::abs(after.cost - flops) <= kSameCost * flops) return after.loss;
    if (i == 0 || points[i - 1].cost > flops || after.cost < flops) continue;
    const CostPoint& before = points[i - 1];
    const double part = (flops - before.cost) / (after.cost - before.cost);
    return before.loss + part * (after.loss - before.loss);
  }
  return std::nullopt;
}

Crossing crossing_of(const std::vector<GapPoint>& gaps, std::int64_t seed,
                     std::int64_t switch_step) {
  Crossing crossing;
  crossing.seed = seed;
  crossing.switch_step = switch_step;
  if (switch_step == 0) return crossing;
  for (const GapPoint& point : gaps) {
    if (point.step <= switch_step) continue;
    const bool ahead = side_of(point.gap) == Side::kAhead;
    if (!crossing.first_ahead && ahead) {
      crossing.first_ahead = point.step;
      crossing.stays = true;
    }
    if (!ahead) crossing.stays = false;
  }
  return crossing;
}

}  // namespace

GainOutcome equal_flops_outcome(const Analysis& analysis, const std::string& arm) {
  GainOutcome outcome;
  for (const auto& [baseline, other] : pairs(analysis, arm)) {
    SeedGain gain = gain_between(*baseline, *other);
    if (std::abs(other->flops / baseline->flops - 1) > kSameCost) {
      const std::vector<const Run*> runs = budget_runs(analysis, arm, other->entry.seed);
      const auto loss =
          read_off(curve(runs, [](const Run& run) { return run.flops; }), baseline->flops);
      gain.match = loss ? Match::kInterpolated : Match::kUnmatched;
      if (loss) {
        gain.arm_loss = *loss;
        gain.arm_flops = baseline->flops;
      }
    }
    outcome.seeds.push_back(gain);
  }
  close_gain(outcome);
  if (!outcome.available) outcome.why_not = "no seed has finished in both arms";
  return outcome;
}

std::optional<Spread> spread_at(const Analysis& analysis, const std::string& arm, double budget) {
  std::vector<double> gains;
  for (const auto& [baseline, other] : pairs(analysis, arm, budget))
    gains.push_back(baseline->final_loss - other->final_loss);
  return spread_of(gains);
}

GainOutcome equal_raw_tokens_outcome(const Analysis& analysis, const std::string& arm) {
  GainOutcome outcome;
  for (const auto& [baseline, other] : pairs(analysis, arm)) {
    const std::int64_t seed = other->entry.seed;
    SeedGain gain = gain_between(*baseline, *other);
    const auto baselines =
        curve(budget_runs(analysis, analysis.experiment.baseline, seed), tokens_of);
    const auto others = curve(budget_runs(analysis, arm, seed), tokens_of);
    const std::optional<double> baseline_loss = read_off(baselines, tokens_of(*other));
    const std::optional<double> arm_loss = read_off(others, tokens_of(*baseline));
    if (!baseline_loss && !arm_loss) continue;
    gain.match = gain.baseline_tokens == gain.arm_tokens ? Match::kEqual : Match::kInterpolated;
    if (baseline_loss) {
      // FLOPs are in proportion to raw tokens along the baseline's budgets, which have one bag
      // size.
      gain.baseline_flops *= gain.arm_tokens / gain.baseline_tokens;
      gain.baseline_loss = *baseline_loss;
      gain.baseline_tokens = gain.arm_tokens;
    } else {
      gain.arm_flops *= gain.baseline_tokens / gain.arm_tokens;
      gain.arm_loss = *arm_loss;
      gain.arm_tokens = gain.baseline_tokens;
    }
    outcome.seeds.push_back(gain);
  }
  close_gain(outcome);
  if (!outcome.available) {
    outcome.why_not = "needs runs of " + analysis.experiment.baseline + " and " + arm +
                      " that read the same amount of text";
  }
  return outcome;
}

SpeedUpOutcome speed_up_outcome(const Analysis& analysis, const std::string& arm, CostAxis axis) {
  return speed_up(analysis, analysis.experiment.baseline, arm, axis, ReadArm::kArm);
}

SpeedUpOutcome secondary_speed_up_outcome(const Analysis& analysis, const std::string& arm,
                                          CostAxis axis) {
  return speed_up(analysis, arm, analysis.experiment.baseline, axis, ReadArm::kBaseline);
}

void add_gaps(const Analysis& analysis, Comparison& comparison) {
  for (const auto& [baseline, other] : pairs(analysis, comparison.arm)) {
    std::vector<GapPoint> gaps;
    const std::vector<CostPoint> base_curve = quoted_curve(*baseline, analysis.quoted);
    const double per_position = other->records.header.flops_per_position;
    for (const metrics::ValidationRecord& point : other->records.validations) {
      const auto positions = static_cast<double>(point.positions);
      const auto base = loss_between(base_curve, positions * per_position);
      const auto own = find_quoted_loss(point, analysis.quoted);
      if (base && own && point.step > 0) gaps.push_back({point.step, positions, *base - *own});
    }
    comparison.crossings.push_back(
        crossing_of(gaps, other->entry.seed, switch_step_of(other->records.header)));
    comparison.gaps.emplace_back(other->entry.seed, std::move(gaps));
  }
}

}  // namespace superpose::report
