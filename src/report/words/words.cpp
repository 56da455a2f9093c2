#include "report/words/words.h"

#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "report/context.h"
#include "report/load.h"
#include "report/report.h"
#include "report/task_scores.h"
#include "report/words/curve_words.h"
#include "report/words/many_arms.h"
#include "report/words/ranking.h"
#include "report/words/run_words.h"
#include "report/words/schedule_words.h"
#include "report/words/sentences.h"
#include "report/words/text.h"
#include "report/words/verdict.h"
#include "util/text.h"

namespace superpose::report {
namespace {

// "mean of 3 seeds; the best of 2 arms; tst read its text 1.4 times". The seed is left out where
// the headline begins with it.
std::string headline_support(const Analysis& analysis, const Best& best) {
  const std::int64_t seeds = best.comparison->equal_flops.interval.count;
  const bool is_too_few = verdict_of(best.comparison->equal_flops) == Verdict::kTooFew;
  std::vector<std::string> parts;
  if (seeds != 1) {
    parts.push_back("mean of " + util::counted(seeds, "seed"));
  } else if (!is_too_few) {
    parts.emplace_back("one seed");
  }
  if (best.comparison->equal_flops.source == IntervalSource::kNoiseFigure) {
    parts.push_back("judged by a noise figure");
  }
  if (best.among > 1) parts.push_back("the best of " + util::counted(best.among, "arm"));
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
                             format_loss(outcome.mean.baseline_loss);
  const std::string basis = headline_support(analysis, best);
  const std::string ended =
      comparison.arm + " ended " + format_gain_over(outcome.mean.gain, baseline) + " " + where;
  switch (verdict_of(outcome)) {
    case Verdict::kTooFew:
      return (outcome.interval.count == 1 ? "One seed, so this may be chance: "
                                          : "Two seeds are too few to rule out chance: ") +
             ended + " (" + losses + (basis.empty() ? "" : "; " + basis) + ")";
    case Verdict::kUnclear:
      return "No clear difference between " + comparison.arm + " and " + baseline + " " + where +
             ": " + losses + " (" + basis + ")";
    default:
      return ended + ": " + losses + " (" + basis + ")";
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
  add(sentences, context_sentence(comparison.arm, analysis.find_arm(comparison.arm)->context));
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
  add(sentences, tasks_sentence(analysis, comparison.arm));
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

// "seeds 203 to 206", "seeds 1, 2, 5"
std::string seeds_text(const std::set<std::int64_t>& seeds) {
  if (seeds.size() == 1) return "seed " + std::to_string(*seeds.begin());
  const bool is_range = *seeds.rbegin() - *seeds.begin() == std::ssize(seeds) - 1;
  if (seeds.size() > 2 && is_range) {
    return "seeds " + std::to_string(*seeds.begin()) + " to " + std::to_string(*seeds.rbegin());
  }
  std::vector<std::string> numbers;
  for (const std::int64_t seed : seeds) numbers.push_back(std::to_string(seed));
  return "seeds " + util::join(numbers, ", ");
}

// The note of each run that has no records yet -> the one line of its arm, where there are several.
std::map<std::string, std::string> lines_of_arms(const Analysis& analysis) {
  std::set<std::string> begun;
  for (const Run& run : analysis.runs) begun.insert(run.entry.folder);
  std::map<std::string, std::string> lines;
  for (const std::string& arm : analysis.experiment.arms) {
    std::vector<std::string> notes;
    std::set<std::int64_t> seeds;
    for (const RunEntry& run : analysis.experiment.runs) {
      if (run.arm != arm || begun.contains(run.folder)) continue;
      notes.push_back(not_run_note(run));
      seeds.insert(run.seed);
    }
    if (notes.size() < 2) continue;
    const std::string line = "Not run yet: " + util::counted(std::ssize(notes), "run") + " of " +
                             arm + " (" + seeds_text(seeds) + ").";
    for (const std::string& note : notes) lines[note] = line;
  }
  return lines;
}

}  // namespace

std::vector<std::string> told_notes(const Analysis& analysis) {
  const std::map<std::string, std::string> lines = lines_of_arms(analysis);
  std::set<std::string> told;
  std::vector<std::string> notes;
  for (const std::string& note : analysis.notes) {
    const auto line = lines.find(note);
    if (line == lines.end()) {
      notes.push_back(note);
    } else if (told.insert(line->second).second) {
      notes.push_back(line->second);
    }
  }
  return notes;
}

Words put_in_words(const Analysis& analysis) {
  Words words;
  if (const Run* run = only_run(analysis)) return run_in_words(analysis, *run);
  if (analysis.comparisons.empty()) {
    words.headline = "No result: only one arm was given, and a comparison needs two";
    return words;
  }
  words.headline = headline_of(analysis);
  const Best best = best_comparison(analysis);
  if (best.comparison != nullptr) {
    words.opening = opening_of(analysis, *best.comparison);
    if (has_many_arms(analysis)) {
      words.sentences = std::exchange(words.opening, {many_arms_paragraph(analysis)});
    } else {
      add(words.sentences, choice_sentence(best.comparison->arm, best.among));
    }
  }
  const std::string& baseline = analysis.experiment.baseline;
  add(words.sentences, schedule_sentence(analysis, baseline));
  add(words.sentences, context_sentence(baseline, analysis.find_arm(baseline)->context));
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
  for (const std::string& note : told_notes(analysis)) text += "  * " + note + "\n";
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.noise_block.empty()) continue;
    text += "\nA recipe with the same settings and fewer seeds takes the noise of " +
            comparison.arm + " from here:\n\n" + comparison.noise_block;
  }
  return text;
}

}  // namespace superpose::report
