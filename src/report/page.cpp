#include "report/page.h"

#include <algorithm>

#include "report/assets.h"
#include "report/curve_words.h"
#include "report/html.h"
#include "report/page_tables.h"
#include "report/plot_data.h"
#include "report/text.h"
#include "report/verdict.h"
#include "report/words.h"
#include "util/text.h"

namespace superpose::report {
namespace {

std::string element(const std::string& tag, const std::string& css_class, const std::string& text) {
  return "<" + tag + " class=\"" + css_class + "\">" + escape_html(text) + "</" + tag + ">\n";
}

std::string section(const std::string& id, const std::string& title, const std::string& hint,
                    const std::string& body) {
  std::string html = "<section id=\"" + id + "\"><h2>" + escape_html(title) + "</h2>\n";
  if (!hint.empty()) html += element("p", "hint", hint);
  return html + body + "</section>\n";
}

// A place that page.js draws into. `controls`: buttons of this name stand above the plot.
std::string figure(const std::string& id, const std::string& caption) {
  return "<figure><div class=\"controls\" data-for=\"" + id + "\"></div><div class=\"plot\" id=\"" +
         id + "\"></div><figcaption>" + escape_html(caption) + "</figcaption></figure>\n";
}

std::string tile(const std::string& label, const std::string& value, const std::string& sub) {
  return "<div class=\"tile\"><span>" + escape_html(label) + "</span><strong>" +
         escape_html(value) + "</strong><small>" + escape_html(sub) + "</small></div>\n";
}

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

std::string tiles(const Analysis& analysis) {
  std::string html;
  for (const ArmSummary& arm : analysis.arms) {
    if (!arm.mean_loss) continue;
    std::string sub = "nats per token, " + count_of(arm.seeds, "seed");
    if (arm.mean_bits_per_byte)
      sub += "; " + util::fixed(*arm.mean_bits_per_byte, 3) + " bits per byte" +
             (analysis.quoted == QuotedLoss::kWhole ? "" : ", both halves");
    html += tile("Final loss, " + arm.name, format_loss(*arm.mean_loss), sub);
  }
  for (const Comparison& comparison : analysis.comparisons) {
    const GainOutcome& gain = comparison.equal_flops;
    if (!gain.available) continue;
    html += tile(comparison.arm + " against " + analysis.experiment.baseline,
                 format_gain(gain.mean.gain), support(gain.interval));
    if (comparison.speed_up.available) {
      html += tile("Speed-up of " + comparison.arm, speed_up_figure(comparison.speed_up),
                   "at the same loss" + speed_up_meaning(comparison.speed_up) + "; " +
                       speed_up_support(comparison.speed_up));
    }
    const ArmSummary& base = *analysis.find_arm(analysis.experiment.baseline);
    const ArmSummary& arm = *analysis.find_arm(comparison.arm);
    if (base.raw_tokens > 0 && arm.raw_tokens > 0) {
      html += tile(
          "Raw text read by " + comparison.arm, format_times(arm.raw_tokens / base.raw_tokens),
          format_tokens(arm.raw_tokens) + " against " + format_tokens(base.raw_tokens) + " tokens");
    }
  }
  return html.empty() ? "" : "<div class=\"tiles\">" + html + "</div>\n";
}

std::string callouts(const Analysis& analysis) {
  std::string html;
  for (const std::string& warning : analysis.warnings)
    html += element("p", "callout warning", warning);
  for (const std::string& note : analysis.notes) html += element("p", "callout", note);
  return html;
}

std::string hero(const Analysis& analysis) {
  const Words words = put_in_words(analysis);
  const Best best = best_comparison(analysis);
  const Verdict verdict =
      best.comparison == nullptr ? Verdict::kNone : verdict_of(best.comparison->equal_flops);
  std::string html = std::string("<header class=\"") + chip_of(verdict) + "\">\n";
  html += element("p", "eyebrow", "Superpose comparison: " + analysis.experiment.title);
  html +=
      "<h1>" + escape_html(words.headline) + "</h1>\n" + tiles(analysis) + "<ul class=\"words\">\n";
  for (const std::string& sentence : words.sentences)
    html += "<li>" + escape_html(sentence) + "</li>\n";
  return html + "</ul>\n" + callouts(analysis) + "</header>\n";
}

std::string outcomes(const Analysis& analysis) {
  std::string body;
  for (const Comparison& comparison : analysis.comparisons) {
    if (analysis.comparisons.size() > 1) body += "<h3>" + escape_html(comparison.arm) + "</h3>\n";
    if (format_times(comparison.flops_ratio) != format_times(1)) {
      body += element("p", "callout",
                      comparison.arm + " computes " + format_times(comparison.flops_ratio) +
                          " the FLOPs per position of " + analysis.experiment.baseline + ".");
    }
    body += outcome_table(analysis, comparison);
    if (!comparison.equal_flops.seeds.empty()) {
      body += "<details><summary>Per seed</summary>" + seed_table(analysis, comparison) +
              "</details>\n";
    }
  }
  const std::string quoted =
      "Next-token loss on held-out documents" +
      std::string(analysis.quoted == QuotedLoss::kHalfB
                      ? ", half B of them and seeds other than the tuning seed"
                      : "") +
      ": " + format_measured(analysis.measured) + ".";
  return section("outcomes", "Three ways to compare", quoted, body);
}

std::string plots(const Analysis& analysis) {
  std::string html =
      section("curves", "Learning curves", "", figure("plot-validation", curves_caption(analysis)));
  const bool has_gaps =
      std::any_of(analysis.comparisons.begin(), analysis.comparisons.end(),
                  [](const Comparison& comparison) { return !comparison.gaps.empty(); });
  if (has_gaps) {
    html += section(
        "gap", "Gap to the baseline over time", "",
        figure("plot-gap",
               "Baseline's loss minus the arm's at the same compute: above zero the arm is ahead. "
               "The gap counts at the end of a run; on the way there it only shows the recovery."));
  }
  if (analysis.has_budgets) {
    html += section(
        "budgets", "Final loss against compute", "",
        figure("plot-budgets",
               "Each point is a finished run. Speed-ups are read between points, at the final "
               "loss of " +
                   analysis.experiment.baseline + ", never beyond them."));
  }
  if (!analysis.rate_grids.empty()) {
    html += section(
        "rates", "Learning rates", "",
        figure(
            "plot-rates",
            "Final loss on half A of the held-out documents against the peak learning rate, tuning "
            "seed. Ringed: the best of each arm."));
  }
  return html;
}

std::string bag_plot(const Analysis& analysis) {
  const bool has_bag_loss =
      std::any_of(analysis.runs.begin(), analysis.runs.end(), [](const Run& run) {
        return std::any_of(run.records.steps.begin(), run.records.steps.end(),
                           [](const metrics::StepRecord& step) { return step.is_bag_loss; });
      });
  if (!has_bag_loss) return "";
  return section("bag", "Bag loss while superposed", "",
                 figure("plot-bag",
                        "What the superposed phase minimises: the mean loss over all tokens of the "
                        "next bag. A bag has no order, so it is not comparable with the curves "
                        "above."));
}

std::string recipe(const Analysis& analysis) {
  std::string body;
  if (!analysis.experiment.commands.empty()) {
    body += "<h3>Commands to repeat</h3><pre>" +
            escape_html(util::join(analysis.experiment.commands, "\n")) + "</pre>\n";
  }
  if (!analysis.experiment.recipe_text.empty()) {
    const std::string name = analysis.experiment.recipe_name.empty()
                                 ? "Recipe"
                                 : "Recipe " + analysis.experiment.recipe_name;
    body += "<details><summary>" + escape_html(name) + "</summary><pre>" +
            escape_html(analysis.experiment.recipe_text) + "</pre></details>\n";
  }
  return body.empty() ? "" : section("repeat", "Repeat it", "", body);
}

std::string optional_section(const std::string& id, const std::string& title,
                             const std::string& hint, const std::string& body) {
  return body.empty() ? "" : section(id, title, hint, body);
}

std::string sets_hint(const Analysis& analysis) {
  std::string hint =
      "Next-token loss over both halves of each set, nats per token, and the same in bits per byte "
      "of text, which tokenizers do not change; at budget 1, mean over each arm's seeds.";
  if (analysis.sets.size() > 1) {
    hint += " Every other figure of this page is of " + analysis.sets.front().name + ".";
  }
  return hint;
}

std::string settings_hint(const Analysis& analysis) {
  for (const Run& run : analysis.runs) {
    if (!run.records.header.settings.empty()) continue;
    return "As far as records hold settings: those of " + run.label() + " hold none.";
  }
  return "Every other setting is the same.";
}

std::string head(const Analysis& analysis) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src "
         "'unsafe-inline'; "
         "style-src 'unsafe-inline'; img-src data: blob:\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<link rel=\"icon\" href=\"data:,\">\n<title>" +
         escape_html("Superpose: " + analysis.experiment.title) + "</title>\n<style>\n" +
         std::string(page_style()) + "</style></head>\n";
}

}  // namespace

std::string html_page(const Analysis& analysis, std::string_view plotly_script) {
  std::string html = head(analysis) + "<body><main>\n" + hero(analysis) + outcomes(analysis) +
                     plots(analysis) + bag_plot(analysis);
  html += optional_section("sets", "Validation sets", sets_hint(analysis), sets_table(analysis));
  html +=
      optional_section("runs", "All runs", "Loss at the last check of each run, nats per token.",
                       runs_table(analysis));
  html += optional_section("speed", "Throughput",
                           "Means over a phase, time of the steps alone with loading; "
                           "evaluation and checkpoints stand apart.",
                           speed_table(analysis));
  html += optional_section("settings", "What differs between the arms", settings_hint(analysis),
                           settings_table(analysis));
  html += optional_section("machine", "Model, data and machine", "", machine_table(analysis));
  html += recipe(analysis);
  html += "</main>\n<script>" + escape_script(plotly_script) + "</script>\n";
  html += "<script type=\"application/json\" id=\"data\">" +
          escape_script_json(
              plot_data(analysis).dump(-1, ' ', false, util::Json::error_handler_t::replace)) +
          "</script>\n<script>\n" + std::string(page_script()) + "</script></body></html>\n";
  return html;
}

}  // namespace superpose::report
