#include "report/words/many_arms.h"

#include <array>
#include <vector>

#include "report/words/ranking.h"
#include "report/words/sentences.h"
#include "report/words/text.h"
#include "report/words/verdict.h"
#include "util/text.h"

namespace superpose::report {
namespace {

struct Kind {
  Verdict verdict;
  const char* words;
};
constexpr std::array kKinds = {Kind{Verdict::kAhead, "ahead"}, Kind{Verdict::kBehind, "behind"},
                               Kind{Verdict::kUnclear, "without a clear difference"},
                               Kind{Verdict::kTooFew, "with too few seeds to tell"},
                               Kind{Verdict::kNone, "without a result yet"}};

std::string counts(const Analysis& analysis) {
  std::vector<std::string> parts;
  for (const Kind& kind : kKinds) {
    std::int64_t count = 0;
    for (const Comparison& comparison : analysis.comparisons) {
      count += verdict_of(comparison.equal_flops) == kind.verdict ? 1 : 0;
    }
    if (count > 0) parts.push_back(std::to_string(count) + " " + kind.words);
  }
  return util::join(parts, ", ");
}

}  // namespace

std::string many_arms_paragraph(const Analysis& analysis) {
  const std::vector<const Comparison*> order = ranked(analysis);
  const Best best = best_comparison(analysis);
  if (order.empty() || best.comparison == nullptr) return "";
  const std::string& baseline = analysis.experiment.baseline;
  const GainOutcome& outcome = best.comparison->equal_flops;
  std::string text = "Of " + util::counted(std::ssize(analysis.comparisons), "arm") +
                     " compared with " + baseline + ": " + counts(analysis) + ". The best, " +
                     best.comparison->arm + ", is " +
                     format_gain_over(outcome.mean.gain, baseline) + " " + compute_words(outcome) +
                     " (" + support(outcome) + ")";
  const Comparison& least = *order.back();
  if (&least != best.comparison) {
    text += "; the last, " + least.arm + ", is " +
            format_gain_over(least.equal_flops.mean.gain, baseline) + " " +
            compute_words(least.equal_flops);
  }
  const std::string choice = choice_sentence(best.comparison->arm, best.among);
  return text + "." + (choice.empty() ? "" : " " + choice);
}

}  // namespace superpose::report
