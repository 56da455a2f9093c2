#include "report/words.h"

#include <cmath>

#include "report/curve_words.h"
#include "report/report.h"
#include "report/schedule_words.h"
#include "report/sentences.h"
#include "report/text.h"
#include "report/verdict.h"
#include "util/text.h"

namespace superpose::report {
namespace {

// "mean of 3 seeds; the best of 2 arms; tst read its text 1.4 times"
std::string headline_support(const Analysis& analysis, const Best& best) {
  const std::int64_t seeds = best.comparison->equal_flops.interval.count;
  std::vector<std::string> parts;
  parts.push_back(seeds == 1 ? "one seed" : "mean of " + count_of(seeds, "seed"));
  if (best.among > 1) parts.push_back("the best of " + count_of(best.among, "arm"));
  for (const ArmSummary& arm : analysis.arms) {
    const std::string times = util::fixed(arm.epochs, 1);
    if (arm.epochs > 1 && times != "1.0") {
      parts.push_back(arm.name + " read its text " + times + " times");
    }
  }
  return util::join(parts, "; ");
}

std::string headline_of(const Analysis& analysis) {
  const Best best = best_comparison(analysis);
  if (best.comparison == nullptr) {
    return "No result yet: " + analysis.comparisons.front().equal_flops.why_not;
  }
  const Comparison& comparison = *best.comparison;
  const GainOutcome& outcome = comparison.equal_flops;
  const std::string& baseline = analysis.experiment.baseline;
  const std::string where = compute_words(outcome);
  const std::string losses = "loss " + format_loss(outcome.mean.arm_loss) + " against " +
                             format_loss(outcome.mean.baseline_loss) + " (" +
                             headline_support(analysis, best) + ")";
  const std::string ended =
      comparison.arm + " ended " + format_gain_over(outcome.mean.gain, baseline) + " " + where;
  switch (verdict_of(outcome)) {
    case Verdict::kTooFew:
      return (outcome.interval.count == 1 ? "One seed cannot tell luck from gain: "
                                          : "Two seeds are too few to tell luck from gain: ") +
             ended + ", " + losses;
    case Verdict::kUnclear:
      return "No clear difference between " + comparison.arm + " and " + baseline + " " + where +
             ": " + losses;
    default:
      return ended + ": " + losses;
  }
}

void add(std::vector<std::string>& sentences, std::string sentence) {
  if (!sentence.empty()) sentences.push_back(std::move(sentence));
}

}  // namespace

Words put_in_words(const Analysis& analysis) {
  Words words;
  if (analysis.comparisons.empty()) {
    words.headline = "No result: only one arm was given, and a comparison needs two";
    return words;
  }
  words.headline = headline_of(analysis);
  add(words.sentences, schedule_sentence(analysis, analysis.experiment.baseline));
  for (const Comparison& comparison : analysis.comparisons) {
    add(words.sentences, schedule_sentence(analysis, comparison.arm));
    if (!comparison.equal_flops.available) {
      add(words.sentences,
          comparison.arm + ": no result yet, " + comparison.equal_flops.why_not + ".");
      continue;
    }
    add(words.sentences, setting_sentence(analysis, comparison));
    add(words.sentences, gain_sentence(analysis, comparison));
    add(words.sentences, sets_sentence(analysis, comparison.arm));
    add(words.sentences, crossing_sentence(comparison));
    add(words.sentences, tokens_sentence(analysis, comparison));
    add(words.sentences, speed_sentence(analysis, comparison));
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
