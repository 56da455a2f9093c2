#include "report/words.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "report/load.h"
#include "report/report.h"
#include "report/text.h"
#include "util/text.h"

namespace superpose::report {
namespace {

constexpr double kLevelGain = 0.0005;  // nats; rounds to 0.000

struct Sides {
  double baseline_loss = 0;
  double arm_loss = 0;
  bool matched = true;  // at equal FLOPs
};

Sides mean_sides(const GainOutcome& outcome) {
  Sides sides;
  const auto n = static_cast<double>(outcome.seeds.size());
  for (const SeedGain& seed : outcome.seeds) {
    sides.baseline_loss += seed.baseline_loss / n;
    sides.arm_loss += seed.arm_loss / n;
    sides.matched = sides.matched && seed.match != Match::kUnmatched;
  }
  return sides;
}

// A loss is minus the mean logarithm of the probability given to the right token.
std::string probability_change(double gain) {
  return util::fixed(100 * std::abs(std::expm1(gain)), 1) + " % " + (gain >= 0 ? "more" : "less") +
         " probability for the right next token";
}

std::string compute_words(const Comparison& comparison, bool matched) {
  if (matched) return "at equal compute";
  return "at equal steps but " + format_times(comparison.flops_ratio) + " the compute";
}

std::string seeds_words(std::int64_t count) {
  return count == 1 ? "one seed" : "mean of " + std::to_string(count) + " seeds";
}

// " (tst read its text 1.4 times)" where an arm went through its corpus more than once.
std::string repeated_words(const Analysis& analysis) {
  std::vector<std::string> parts;
  for (const ArmSummary& arm : analysis.arms) {
    if (arm.epochs > 1)
      parts.push_back(arm.name + " read its text " + util::fixed(arm.epochs, 1) + " times");
  }
  return util::join(parts, ", ");
}

std::string headline_of(const Analysis& analysis, const Comparison& comparison) {
  const ArmSummary* summary = analysis.find_arm(comparison.arm);
  const bool is_the_superposed_arm = summary->superposed && analysis.comparisons.size() == 1;
  const std::string who = is_the_superposed_arm ? "Superposition" : comparison.arm;
  const Sides sides = mean_sides(comparison.equal_flops);
  const std::string where = compute_words(comparison, sides.matched);
  std::string text;
  switch (verdict_of(comparison.equal_flops)) {
    case Verdict::kNone:
      return "No result yet: " + comparison.equal_flops.why_not;
    case Verdict::kAhead:
      text = who + " ended ahead " + where;
      break;
    case Verdict::kBehind:
      text = who + " ended behind " + where;
      break;
    case Verdict::kLevel:
      text = who + " and the baseline ended level " + where;
      break;
    case Verdict::kUnclear:
      text = "No clear difference between " + comparison.arm + " and the baseline " + where;
      break;
  }
  const int digits = std::abs(comparison.equal_flops.interval.mean) < 0.002 ? 4 : 3;
  text += ": loss " + util::fixed(sides.arm_loss, digits) + " against " +
          util::fixed(sides.baseline_loss, digits);
  std::string tail = seeds_words(comparison.equal_flops.interval.count);
  const std::string repeated = repeated_words(analysis);
  if (!repeated.empty()) tail += "; " + repeated;
  return text + " (" + tail + ")";
}

std::string setting_sentence(const Analysis& analysis, const Comparison& comparison) {
  const SeedGain& first = comparison.equal_flops.seeds.front();
  const Sides sides = mean_sides(comparison.equal_flops);
  std::string text;
  if (sides.matched) {
    text = "Both arms, " + analysis.experiment.baseline + " and " + comparison.arm +
           ", were trained with the same compute (" + format_flops(first.baseline_flops) + " each)";
  } else {
    text = analysis.experiment.baseline + " was trained with " +
           format_flops(first.baseline_flops) + ", " + comparison.arm + " with " +
           format_flops(first.arm_flops);
  }
  text +=
      " and then judged on text that neither had seen. The loss, in nats per token, says how much "
      "each next token surprises the model; lower is better.";
  return text;
}

// What superposition is, in the numbers of this run.
std::string method_sentence(const Analysis& analysis, const std::string& arm) {
  for (const Run& run : analysis.runs) {
    const metrics::RunHeader& header = run.records.header;
    const std::int64_t switch_step = switch_step_of(header);
    if (run.entry.arm != arm || switch_step == 0 || run.records.validations.empty()) continue;
    const metrics::PhaseInfo& first = header.phases.front();
    const std::int64_t steps = run.records.validations.back().step;
    std::string text = arm + " was superposed for its first " + util::with_commas(switch_step) +
                       " of " + util::with_commas(steps) + " steps: ";
    if (first.bag_size > 1) {
      text += "it read bags of " + std::to_string(first.bag_size) + " tokens as one averaged input";
    } else {
      text += "it read single tokens";
    }
    text += first.target_size > 1
                ? " and predicted all " + std::to_string(first.target_size) + " tokens that follow"
                : " and predicted the next token";
    return text + ". After that it trained on next tokens, as " + analysis.experiment.baseline +
           " did all along.";
  }
  return "";
}

std::string gain_sentence(const Analysis& analysis, const Comparison& comparison) {
  const GainOutcome& outcome = comparison.equal_flops;
  const Sides sides = mean_sides(outcome);
  const double gain = outcome.interval.mean;
  std::string text = comparison.arm + " ends at " + util::fixed(sides.arm_loss, 4) + ", " +
                     analysis.experiment.baseline + " at " + util::fixed(sides.baseline_loss, 4) +
                     ": " + comparison.arm + " is " + util::fixed(std::abs(gain), 4) +
                     (gain >= 0 ? " ahead" : " behind") + " (" + gain_support(outcome) +
                     "), which is " + probability_change(gain) + ".";
  if (analysis.quoted == QuotedLoss::kHalfB) {
    text += " Quoted on the half of the held-out documents that no learning rate was chosen on.";
  }
  return text;
}

std::string seeds_sentence(const GainOutcome& outcome) {
  if (outcome.interval.count >= kFewestSeeds) return "";
  return outcome.interval.count == 1
             ? "This is one seed: another seed may shift either loss, so a small difference may be "
               "chance."
             : "Two seeds are too few for an interval, so a small difference may be chance.";
}

const GapPoint* first_after(const std::vector<GapPoint>& gaps, std::int64_t switch_step) {
  const auto found = std::find_if(gaps.begin(), gaps.end(),
                                  [&](const GapPoint& point) { return point.step > switch_step; });
  return found == gaps.end() ? nullptr : &*found;
}

std::string ahead_or_behind(double gap) {
  return util::fixed(std::abs(gap), 3) + (gap >= 0 ? " ahead" : " behind");
}

std::string one_crossing(const Comparison& comparison, const GapPoint& first) {
  const Crossing& crossing = comparison.crossings.front();
  const double last_gap = comparison.gaps.front().second.back().gap;
  std::string text = "The switch to ordinary training came at step " +
                     util::with_commas(crossing.switch_step) +
                     "; at the first check after it (step " + util::with_commas(first.step) + ") " +
                     comparison.arm + " was " + ahead_or_behind(first.gap);
  if (!crossing.first_ahead) {
    return text + ". It never overtook the baseline; at the end it was " +
           ahead_or_behind(last_gap) + ".";
  }
  if (*crossing.first_ahead != first.step) {
    text += ". It overtook the baseline by step " + util::with_commas(*crossing.first_ahead) +
            ", " + util::with_commas(*crossing.first_ahead - crossing.switch_step) +
            " steps after the switch";
  }
  if (crossing.stays) return text + ", and stayed ahead to the end.";
  return text + ", but did not stay ahead all the way; at the end it was " +
         ahead_or_behind(last_gap) + ".";
}

std::string all_crossings(const Comparison& comparison) {
  double first_gaps = 0;
  std::int64_t overtook = 0;
  std::int64_t stayed = 0;
  std::int64_t latest = 0;
  for (std::size_t i = 0; i < comparison.crossings.size(); ++i) {
    const Crossing& crossing = comparison.crossings[i];
    const GapPoint* first = first_after(comparison.gaps[i].second, crossing.switch_step);
    if (first == nullptr) return "";
    first_gaps += first->gap;
    overtook += crossing.first_ahead ? 1 : 0;
    stayed += crossing.stays ? 1 : 0;
    if (crossing.first_ahead)
      latest = std::max(latest, *crossing.first_ahead - crossing.switch_step);
  }
  const auto seeds = static_cast<std::int64_t>(comparison.crossings.size());
  std::string text = "At the first check after the switch to ordinary training (step " +
                     util::with_commas(comparison.crossings.front().switch_step) + ") " +
                     comparison.arm + " was " +
                     ahead_or_behind(first_gaps / static_cast<double>(seeds)) +
                     " on average. It overtook the baseline in " + std::to_string(overtook) +
                     " of " + count_of(seeds, "seed");
  if (overtook == 0) return text + ".";
  return text + ", at the latest " + util::with_commas(latest) +
         " steps after the switch, and stayed ahead to the end in " + std::to_string(stayed) + ".";
}

std::string crossing_sentence(const Comparison& comparison) {
  if (comparison.crossings.empty() || comparison.crossings.front().switch_step == 0) return "";
  if (comparison.crossings.size() > 1) return all_crossings(comparison);
  const GapPoint* first =
      first_after(comparison.gaps.front().second, comparison.crossings.front().switch_step);
  return first == nullptr ? "" : one_crossing(comparison, *first);
}

// What the sets beside the primary one say.
std::string sets_sentence(const Analysis& analysis, const std::string& arm) {
  std::vector<std::string> parts;
  for (std::size_t i = 1; i < analysis.sets.size(); ++i) {
    for (const ArmScore& score : analysis.sets[i].arms) {
      if (score.arm != arm || !score.gain) continue;
      parts.push_back(util::fixed(std::abs(score.gain->mean), 4) +
                      (score.gain->mean >= 0 ? " ahead" : " behind") + " on " +
                      analysis.sets[i].name + " (" + support(*score.gain) + ")");
    }
  }
  if (parts.empty()) return "";
  return "These figures are of " + analysis.sets.front().name + "; " + arm + " ends " +
         util::join(parts, ", ") + ".";
}

std::string tokens_sentence(const Analysis& analysis, const Comparison& comparison) {
  const ArmSummary* base = analysis.find_arm(analysis.experiment.baseline);
  const ArmSummary* arm = analysis.find_arm(comparison.arm);
  if (base->raw_tokens <= 0 || arm->raw_tokens == base->raw_tokens) return "";
  std::string text = comparison.arm + " read " + format_times(arm->raw_tokens / base->raw_tokens) +
                     " the raw text: " + format_tokens(arm->raw_tokens) + " tokens against " +
                     format_tokens(base->raw_tokens);
  if (arm->epochs > 0) {
    text += " (" + util::fixed(arm->epochs, 2) + " and " + util::fixed(base->epochs, 2) +
            " passes over the corpus)";
  }
  const GainOutcome& equal = comparison.equal_raw_tokens;
  if (!equal.available) return text + ". A comparison at equal raw text was not run.";
  return text + ". At equal raw text " + comparison.arm + " is " +
         util::fixed(std::abs(equal.interval.mean), 4) +
         (equal.interval.mean >= 0 ? " ahead (" : " behind (") + gain_support(equal) + ").";
}

std::string speed_sentence(const Analysis& analysis, const Comparison& comparison) {
  const SpeedUpOutcome& speed = comparison.speed_up;
  if (!speed.available) return "";
  if (!speed.determined) {
    return "Whether " + comparison.arm + " reaches the loss of " + analysis.experiment.baseline +
           " with less compute is not determined: some seeds lie above the measured budgets, some "
           "below.";
  }
  std::string text = "To reach the final loss of " + analysis.experiment.baseline + ", " +
                     comparison.arm + " needs less compute by a factor of " +
                     speed_up_figure(speed) + " (" + speed_up_support(speed) +
                     "; below 1 would be more compute)";
  if (comparison.speed_up_time.available && comparison.speed_up_time.determined) {
    text += "; in time of the training steps " + speed_up_figure(comparison.speed_up_time);
  }
  return text + ".";
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
    return "The learning rate was not tuned for either side, so part of the difference may come "
           "from the rate.";
  }
  return "Each arm ran at the learning rate given for it (" + util::join(parts, ", ") +
         "); this comparison did not search for rates itself.";
}

std::string rate_sentence(const Analysis& analysis) {
  if (analysis.rate_grids.empty()) return given_rates_sentence(analysis);
  std::vector<std::string> parts;
  for (const RateGrid& grid : analysis.rate_grids) {
    if (grid.best) parts.push_back(format_rate(*grid.best) + " for " + grid.arm);
  }
  return "Each side trained at its own best learning rate of the same grid: " +
         util::join(parts, ", ") + ".";
}

void add(std::vector<std::string>& sentences, std::string sentence) {
  if (!sentence.empty()) sentences.push_back(std::move(sentence));
}

}  // namespace

Verdict verdict_of(const GainOutcome& outcome) {
  if (!outcome.available) return Verdict::kNone;
  const Interval& interval = outcome.interval;
  if (interval.low) {
    if (*interval.low > 0) return Verdict::kAhead;
    return *interval.high < 0 ? Verdict::kBehind : Verdict::kUnclear;
  }
  if (std::abs(interval.mean) < kLevelGain) return Verdict::kLevel;
  const bool ahead = interval.mean > 0;
  const bool agree = std::all_of(outcome.seeds.begin(), outcome.seeds.end(),
                                 [&](const SeedGain& seed) { return (seed.gain > 0) == ahead; });
  if (!agree) return Verdict::kUnclear;
  return ahead ? Verdict::kAhead : Verdict::kBehind;
}

Words put_in_words(const Analysis& analysis) {
  Words words;
  if (analysis.comparisons.empty()) {
    words.headline = "No result: only one arm was given, and a comparison needs two";
    return words;
  }
  words.headline = headline_of(analysis, analysis.comparisons.front());
  for (const Comparison& comparison : analysis.comparisons) {
    if (!comparison.equal_flops.available) {
      add(words.sentences,
          comparison.arm + ": no result yet, " + comparison.equal_flops.why_not + ".");
      continue;
    }
    add(words.sentences, method_sentence(analysis, comparison.arm));
    add(words.sentences, setting_sentence(analysis, comparison));
    add(words.sentences, gain_sentence(analysis, comparison));
    add(words.sentences, sets_sentence(analysis, comparison.arm));
    add(words.sentences, crossing_sentence(comparison));
    add(words.sentences, tokens_sentence(analysis, comparison));
    add(words.sentences, speed_sentence(analysis, comparison));
    add(words.sentences, seeds_sentence(comparison.equal_flops));
  }
  add(words.sentences, rate_sentence(analysis));
  return words;
}

std::string in_words(const Analysis& analysis) {
  const Words words = put_in_words(analysis);
  std::string text = words.headline + "\n";
  for (const std::string& sentence : words.sentences) text += "  - " + sentence + "\n";
  for (const std::string& warning : analysis.warnings) text += "  ! " + warning + "\n";
  for (const std::string& note : analysis.notes) text += "  * " + note + "\n";
  return text;
}

}  // namespace superpose::report
