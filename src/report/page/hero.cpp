#include "report/page/hero.h"

#include "report/page/html.h"
#include "report/page/parts.h"
#include "report/words/ranking.h"
#include "report/words/run_words.h"
#include "report/words/text.h"
#include "report/words/verdict.h"
#include "util/text.h"

namespace superpose::report {
namespace {

const char* chip_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAhead:
      return "ahead";
    case Verdict::kBehind:
      return "behind";
    case Verdict::kTooFew:
    case Verdict::kUnclear:
      return "unclear";
    case Verdict::kNone:
      return "none";
  }
  return "none";
}

std::string loss_tile(const Analysis& analysis, const ArmSummary& arm) {
  if (!arm.mean_loss) return "";
  std::string sub = "nats per token, " + util::counted(arm.seeds, "seed");
  if (arm.mean_bits_per_byte) {
    sub += "; " + util::fixed(*arm.mean_bits_per_byte, 3) + " bits per byte" +
           (analysis.quoted == QuotedLoss::kWhole ? "" : ", both halves");
  }
  return tile("Final loss, " + arm.name, format_loss(*arm.mean_loss), sub);
}

std::string comparison_tiles(const Analysis& analysis, const Comparison& comparison) {
  const GainOutcome& gain = comparison.equal_flops;
  if (!gain.available) return "";
  std::string html =
      tile(comparison.arm + " against " + analysis.experiment.baseline, format_gain(gain.mean.gain),
           has_many_arms(analysis) ? brief_support(gain) : support(gain));
  const ToldSpeedUp told = told_speed_up(comparison);
  if (told.flops != nullptr) {
    html += tile("Speed-up of " + comparison.arm, speed_up_figure(*told.flops),
                 std::string(told.is_secondary ? "at its own loss" : "at the same loss") +
                     speed_up_meaning(*told.flops) + "; " + speed_up_support(*told.flops));
  }
  const ArmSummary& base = *analysis.find_arm(analysis.experiment.baseline);
  const ArmSummary& arm = *analysis.find_arm(comparison.arm);
  if (base.raw_tokens > 0 && arm.raw_tokens > 0) {
    html += tile(
        "Raw text read by " + comparison.arm, format_times(arm.raw_tokens / base.raw_tokens),
        format_tokens(arm.raw_tokens) + " against " + format_tokens(base.raw_tokens) + " tokens");
  }
  return html;
}

// Of many arms only the baseline and the best.
std::string tiles(const Analysis& analysis) {
  const Best best = best_comparison(analysis);
  const auto is_shown = [&](const std::string& arm) {
    return !has_many_arms(analysis) || arm == analysis.experiment.baseline ||
           (best.comparison != nullptr && arm == best.comparison->arm);
  };
  std::string html;
  for (const ArmSummary& arm : analysis.arms) {
    if (is_shown(arm.name)) html += loss_tile(analysis, arm);
  }
  for (const Comparison& comparison : analysis.comparisons) {
    if (is_shown(comparison.arm)) html += comparison_tiles(analysis, comparison);
  }
  return html.empty() ? "" : "<div class=\"tiles\">" + html + "</div>\n";
}

// Of a run by itself, whether it has ended or not.
std::string run_tiles(const Run& run) {
  std::string html;
  if (!run.records.validations.empty()) {
    const metrics::ValidationRecord& last = run.records.validations.back();
    html += tile("Held-out loss", format_loss(last.loss),
                 "nats per token, step " + util::with_commas(last.step));
    html += tile("Perplexity", util::fixed(last.perplexity, 2), "of the same text");
  }
  if (!run.records.steps.empty()) {
    const metrics::StepRecord& last = run.records.steps.back();
    const std::int64_t total = run.records.header.total_steps;
    const std::string steps =
        total == 0 ? util::counted(last.step, "step")
                   : util::with_commas(last.step) + " of " + util::with_commas(total) + " steps";
    // Other trainers do not record everything.
    if (last.raw_tokens > 0) {
      html += tile("Raw text read", format_tokens(static_cast<double>(last.raw_tokens)),
                   last.epoch > 0 ? "tokens, " + util::fixed(last.epoch, 2) + " epochs" : "tokens");
    }
    if (last.seconds > 0) {
      html += tile("Time of the steps", util::format_duration(last.seconds), steps);
    } else {
      html += tile("Steps", util::with_commas(last.step), total == 0 ? "" : steps);
    }
  }
  return html.empty() ? "" : "<div class=\"tiles\">" + html + "</div>\n";
}

std::string callouts(const Analysis& analysis) {
  std::string html;
  for (const std::string& warning : analysis.warnings)
    html += element("p", "callout warning", warning);
  for (const std::string& note : told_notes(analysis)) html += element("p", "callout", note);
  return html;
}

}  // namespace

std::string hero(const Analysis& analysis, const Words& words) {
  const Best best = best_comparison(analysis);
  const Verdict verdict =
      best.comparison == nullptr ? Verdict::kNone : verdict_of(best.comparison->equal_flops);
  std::string html = std::string("<header class=\"") + chip_of(verdict) + "\">\n";
  const Run* run = only_run(analysis);
  html += element(
      "p", "eyebrow",
      (run != nullptr ? "Superpose run: " : "Superpose comparison: ") + analysis.experiment.title);
  html += "<h1>" + escape_html(words.headline) + "</h1>\n";
  html += list_of("words opening", words.opening);
  html += run != nullptr ? run_tiles(*run) : tiles(analysis);
  return html + callouts(analysis) + "</header>\n";
}

}  // namespace superpose::report
