#include "report/words.h"

#include <cmath>

#include "report/context.h"
#include "report/curve_words.h"
#include "report/ranking.h"
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
  if (best.comparison->equal_flops.source == IntervalSource::kNoiseFigure) {
    parts.push_back("judged by a noise figure");
  }
  if (best.among > 1) parts.push_back("the best of " + count_of(best.among, "arm"));
  for (const std::string& name : {analysis.experiment.baseline, best.comparison->arm}) {
    const ArmSummary& arm = *analysis.find_arm(name);
    const std::string times = util::fixed(arm.epochs, 1);
    if (arm.epochs > 1 && times != "1.0") {
      parts.push_back(name + " read its text " + times + " times");
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

// What a newcomer wants to know first.
std::vector<std::string> opening_of(const Analysis& analysis, const Comparison& comparison) {
  std::vector<std::string> sentences;
  add(sentences, gain_sentence(analysis, comparison));
  add(sentences, documents_sentence(comparison));
  add(sentences, speed_sentence(analysis, comparison));
  add(sentences, tokens_sentence(analysis, comparison));
  return sentences;
}

void add_details(const Analysis& analysis, const Comparison& comparison, bool is_best,
                 std::vector<std::string>& sentences) {
  add(sentences, schedule_sentence(analysis, comparison.arm));
  add(sentences, context_sentence(*analysis.find_arm(comparison.arm)));
  if (!comparison.equal_flops.available) {
    add(sentences, comparison.arm + ": no result yet, " + comparison.equal_flops.why_not + ".");
    return;
  }
  add(sentences, setting_sentence(analysis, comparison));
  if (!is_best) {
    for (std::string& sentence : opening_of(analysis, comparison)) {
      sentences.push_back(std::move(sentence));
    }
  }
  add(sentences, sets_sentence(analysis, comparison.arm));
  add(sentences, spread_sentence(analysis, comparison));
  add(sentences, crossing_sentence(comparison));
}

std::vector<std::string> ranking_lines(const Analysis& analysis) {
  std::vector<std::string> lines;
  for (const Comparison* comparison : ranked(analysis)) {
    const GainOutcome& gain = comparison->equal_flops;
    lines.push_back(std::to_string(lines.size() + 1) + ". " + comparison->arm + " " +
                    format_gain(gain.mean.gain) + " (" + brief_support(gain) + ")");
  }
  return lines;
}

}  // namespace

Words put_in_words(const Analysis& analysis) {
  Words words;
  if (analysis.comparisons.empty()) {
    words.headline = "No result: only one arm was given, and a comparison needs two";
    return words;
  }
  words.headline = headline_of(analysis);
  const Best best = best_comparison(analysis);
  if (best.comparison != nullptr) words.opening = opening_of(analysis, *best.comparison);
  if (best.comparison != nullptr) {
    add(words.sentences, choice_sentence(best.comparison->arm, best.among));
  }
  const std::string& baseline = analysis.experiment.baseline;
  add(words.sentences, schedule_sentence(analysis, baseline));
  add(words.sentences, context_sentence(*analysis.find_arm(baseline)));
  for (const Comparison& comparison : analysis.comparisons) {
    const bool is_best = &comparison == best.comparison;
    if (!is_best && has_many_arms(analysis)) continue;
    add_details(analysis, comparison, is_best, words.sentences);
  }
  add(words.sentences, rate_sentence(analysis));
  if (has_many_arms(analysis)) words.ranking = ranking_lines(analysis);
  return words;
}

std::string in_words(const Analysis& analysis) {
  const Words words = put_in_words(analysis);
  std::string text = words.headline + "\n";
  for (const std::string& sentence : words.opening) text += "  - " + sentence + "\n";
  for (const std::string& line : words.ranking) text += "    " + line + "\n";
  for (const std::string& sentence : words.sentences) text += "  - " + sentence + "\n";
  for (const std::string& warning : analysis.warnings) text += "  ! " + warning + "\n";
  for (const std::string& note : analysis.notes) text += "  * " + note + "\n";
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.noise_block.empty()) continue;
    text += "\nThe noise of " + comparison.arm +
            ", for a recipe with fewer seeds and the same settings:\n\n" + comparison.noise_block;
  }
  return text;
}

}  // namespace superpose::report
