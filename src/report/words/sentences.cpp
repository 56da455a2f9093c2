#include "report/words/sentences.h"

#include <cmath>
#include <set>
#include <vector>

#include "report/words/text.h"
#include "report/words/verdict.h"
#include "util/text.h"

namespace superpose::report {
namespace {

// A loss is minus the mean logarithm of the probability given to the right token.
std::string probability_words(double gain) {
  constexpr double kMostPercent = 100;
  const double percent = 100 * std::abs(std::expm1(as_shown(gain)));
  if (side_of(gain) == Side::kLevel || percent > kMostPercent) return "";
  return ", that is, the correct next token gets " + util::fixed(percent, percent < 1 ? 2 : 1) +
         " % " + (side_of(gain) == Side::kAhead ? "more" : "less") +
         " probability (geometric mean)";
}

std::string verdict_sentence(const Comparison& comparison) {
  const std::int64_t seeds = comparison.equal_flops.interval.count;
  const bool is_unmatched = comparison.equal_flops.mean.match == Match::kUnmatched;
  const std::string cost = is_unmatched ? ", but not at equal compute" : "";
  switch (verdict_of(comparison.equal_flops)) {
    case Verdict::kNone:
      return "";
    case Verdict::kTooFew:
      return seeds == 1 ? " One seed, so this may be chance: another seed may shift either loss by "
                          "more."
                        : " " + util::counted(seeds, "seed") + ": too few to rule out chance.";
    case Verdict::kUnclear:
      return " The interval includes zero: no clear difference.";
    case Verdict::kAhead:
      return " The interval excludes zero: " + comparison.arm + " is ahead" + cost + ".";
    case Verdict::kBehind:
      return " The interval excludes zero: " + comparison.arm + " is behind" + cost + ".";
  }
  return "";
}

// The peak rates that an arm's results ran at; 0 where the records do not say.
std::set<double> rates_of(const Analysis& analysis, const std::string& arm) {
  std::set<double> rates;
  for (const RunEntry& run : analysis.experiment.runs) {
    if (is_result(run.role) && run.arm == arm) rates.insert(run.learning_rate);
  }
  return rates;
}

// "0.007 for baseline"
std::string rates_text(const std::set<double>& rates, const std::string& arm) {
  std::vector<std::string> parts;
  for (const double rate : rates) parts.push_back(rate > 0 ? format_rate(rate) : "unknown");
  return util::join(parts, " and ") + " for " + arm;
}

// An arm's own rate may come from a search elsewhere, which this comparison knows nothing of.
std::string given_rates_sentence(const Analysis& analysis) {
  std::set<double> all;
  std::vector<std::string> parts;
  for (const std::string& arm : analysis.experiment.arms) {
    const std::set<double> rates = rates_of(analysis, arm);
    if (rates.empty()) continue;
    parts.push_back(rates_text(rates, arm));
    all.insert(rates.begin(), rates.end());
  }
  if (all.size() == 1 && *all.begin() > 0) {
    return "Every arm ran at the learning rate " + format_rate(*all.begin()) +
           ", which was not tuned for any of them here, so part of the difference may come from "
           "the rate.";
  }
  return "Each arm ran at the learning rate given for it (" + util::join(parts, ", ") +
         "); this comparison did not search for rates itself.";
}

// Whether every result of the arm ran at the best rate of its grid.
bool ran_at_best(const Analysis& analysis, const RateGrid& grid) {
  return grid.best && rates_of(analysis, grid.arm) == std::set<double>{*grid.best};
}

std::string searched_rates_sentence(const Analysis& analysis) {
  std::vector<std::string> best;
  std::vector<std::string> others;
  for (const RateGrid& grid : analysis.rate_grids) {
    if (!grid.best) {
      best.push_back("none yet for " + grid.arm);
      continue;
    }
    best.push_back(format_rate(*grid.best) + " for " + grid.arm);
    const std::set<double> ran = rates_of(analysis, grid.arm);
    if (!ran.empty() && !ran_at_best(analysis, grid)) others.push_back(rates_text(ran, grid.arm));
  }
  std::string text =
      "The best learning rate of each arm's grid, on half A of the held-out "
      "documents: " +
      util::join(best, ", ");
  if (others.empty()) return text + ".";
  return text + "; but the results ran at " + util::join(others, ", ") + ".";
}

}  // namespace

std::string compute_words(const GainOutcome& outcome) {
  if (outcome.mean.match != Match::kUnmatched) return "at equal compute";
  const std::string ratio = format_times(outcome.mean.arm_flops / outcome.mean.baseline_flops);
  return ratio == format_times(1) ? "at nearly equal compute" : "with " + ratio + " the compute";
}

std::string setting_sentence(const Analysis& analysis, const Comparison& comparison) {
  const SeedGain& mean = comparison.equal_flops.mean;
  const std::string& baseline = analysis.experiment.baseline;
  std::string text = baseline + " and " + comparison.arm;
  switch (mean.match) {
    case Match::kEqual:
      text +=
          " were trained with the same compute (" + util::format_flops(mean.baseline_flops) + ")";
      break;
    case Match::kInterpolated:
      text += " are compared at the compute of " + baseline + " (" +
              util::format_flops(mean.baseline_flops) + "), the loss of " + comparison.arm +
              " interpolated between its budgets,";
      break;
    case Match::kUnmatched:
      text += " were trained with unequal compute (" + util::format_flops(mean.baseline_flops) +
              " and " + util::format_flops(mean.arm_flops) + ")";
      break;
  }
  return text + " and evaluated on " + format_measured(analysis.measured) +
         ", held out. The loss, in nats per token, says how much each next token surprises the "
         "model; lower is better.";
}

std::string gain_sentence(const Analysis& analysis, const Comparison& comparison) {
  const GainOutcome& outcome = comparison.equal_flops;
  std::string text = comparison.arm + " ends at " + format_loss(outcome.mean.arm_loss) + ", " +
                     analysis.experiment.baseline + " at " +
                     format_loss(outcome.mean.baseline_loss) + ": " + comparison.arm + " is " +
                     format_gain(outcome.mean.gain) + " (" + support(outcome) + ")" +
                     probability_words(outcome.mean.gain) + "." + verdict_sentence(comparison);
  if (analysis.quoted == QuotedLoss::kHalfB) {
    text += " Quoted on the half of the held-out documents that no learning rate was chosen on.";
  }
  return text;
}

std::string sets_sentence(const Analysis& analysis, const std::string& arm) {
  std::vector<std::string> parts;
  for (std::size_t i = 1; i < analysis.sets.size(); ++i) {
    for (const ArmScore& score : analysis.sets[i].arms) {
      if (score.arm != arm || !score.gain) continue;
      const std::string who = parts.empty() ? ", " + arm + " ends " : " ";
      parts.push_back("on " + analysis.sets[i].name + who + format_gain(score.gain->mean) + " (" +
                      support(*score.gain) + ")");
    }
  }
  if (parts.empty()) return "";
  parts.front().front() = 'O';
  return "The figures above are for " + analysis.sets.front().name + ". " +
         util::join(parts, ", ") + ".";
}

std::string tokens_sentence(const Analysis& analysis, const Comparison& comparison) {
  const ArmSummary& base = *analysis.find_arm(analysis.experiment.baseline);
  const ArmSummary& arm = *analysis.find_arm(comparison.arm);
  if (base.raw_tokens <= 0 || arm.raw_tokens <= 0 || arm.raw_tokens == base.raw_tokens) return "";
  std::string text = comparison.arm + " read " + format_times(arm.raw_tokens / base.raw_tokens) +
                     " the raw text of " + base.name + ": " + format_tokens(arm.raw_tokens) +
                     " tokens against " + format_tokens(base.raw_tokens);
  if (arm.epochs > 0 && base.epochs > 0) {
    text += " (" + util::fixed(arm.epochs, 2) + " and " + util::fixed(base.epochs, 2) +
            " passes over the corpus)";
  }
  const GainOutcome& equal = comparison.equal_raw_tokens;
  if (!equal.available) return text + ". A comparison at equal raw text was not run.";
  return text + ". At equal raw text " + comparison.arm + " is " + format_gain(equal.mean.gain) +
         " (" + support(equal) + ").";
}

std::string documents_sentence(const Comparison& comparison) {
  const DocumentError& error = comparison.equal_flops.documents;
  if (!comparison.equal_flops.available) return "";
  if (!error.low) {
    return "The uncertainty from the choice of held-out documents is " + document_support(error) +
           ".";
  }
  return "A separate uncertainty comes from the choice of held-out documents: resampling them puts "
         "the difference at " +
         document_support(error) +
         " (95 %, paired bootstrap). It does not cover variation between seeds.";
}

std::string spread_sentence(const Analysis& analysis, const Comparison& comparison) {
  std::vector<std::string> parts;
  for (const std::string& name : {analysis.experiment.baseline, comparison.arm}) {
    const std::optional<Spread>& spread = analysis.find_arm(name)->spread;
    if (spread) parts.push_back(format_spread(*spread) + " for " + name);
  }
  const std::optional<Spread>& paired = comparison.equal_flops.spread;
  if (paired) parts.push_back(format_spread(*paired) + " for their paired difference");
  if (parts.empty()) return "";
  return "Standard deviation of the final loss over seeds, with its one-sided 95 % upper bound: " +
         util::join(parts, ", ") + ".";
}

std::string choice_sentence(const std::string& arm, std::int64_t among) {
  if (among < 2) return "";
  return arm + " was picked as the best of " + std::to_string(among) +
         " arms, so it probably looks better than it is; the intervals are not corrected for this.";
}

std::string speed_sentence(const Analysis& analysis, const Comparison& comparison) {
  const ToldSpeedUp told = told_speed_up(comparison);
  const std::string& baseline = analysis.experiment.baseline;
  const std::string& arm = comparison.arm;
  if (told.flops == nullptr) {
    return "Not measured: how much compute " + arm + " needs to match " + baseline +
           " (needs runs of several lengths).";
  }
  if (!told.flops->determined) {
    return "The compute that " + (told.is_secondary ? baseline : arm) +
           " needs to match the loss of " + (told.is_secondary ? arm : baseline) +
           " cannot be determined: it lies above the measured range for some seeds and below it "
           "for others.";
  }
  std::string text = "Speed-up of " + arm + " at " +
                     (told.is_secondary ? "its own final loss" : "the final loss of " + baseline) +
                     ": " + speed_up_figure(*told.flops) + speed_up_meaning(*told.flops) + " (" +
                     speed_up_support(*told.flops) + ")";
  if (told.time->available && told.time->determined) {
    text += "; by training time " + speed_up_figure(*told.time);
  }
  if (told.is_secondary) {
    text += ". It is interpolated between the budgets of " + baseline + ", because those of " +
            arm + " do not reach the final loss of " + baseline;
  }
  return text + ".";
}

std::string rate_sentence(const Analysis& analysis) {
  return analysis.rate_grids.empty() ? given_rates_sentence(analysis)
                                     : searched_rates_sentence(analysis);
}

}  // namespace superpose::report
