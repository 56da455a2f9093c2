#include "report/page.h"

#include <algorithm>
#include <vector>

#include "report/assets.h"
#include "report/curve_words.h"
#include "report/html.h"
#include "report/page_evaluation.h"
#include "report/page_grid.h"
#include "report/page_tables.h"
#include "report/plot_data.h"
#include "report/ranking.h"
#include "report/run_words.h"
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
  std::string html = tile(comparison.arm + " against " + analysis.experiment.baseline,
                          format_gain(gain.mean.gain), support(gain));
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
    html += tile("Raw text read", format_tokens(static_cast<double>(last.raw_tokens)),
                 "tokens, " + util::fixed(last.epoch, 2) + " epochs");
    html += tile("Time of the steps", util::format_duration(last.seconds),
                 util::with_commas(last.step) + " of " +
                     util::with_commas(run.records.header.total_steps) + " steps");
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

std::string list_of(const std::string& css_class, const std::vector<std::string>& sentences) {
  if (sentences.empty()) return "";
  std::string html = "<ul class=\"" + css_class + "\">\n";
  for (const std::string& sentence : sentences) html += "<li>" + escape_html(sentence) + "</li>\n";
  return html + "</ul>\n";
}

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

std::string budget_plot(const Analysis& analysis) {
  if (!analysis.has_budgets) return "";
  return section(
      "budgets", "Final loss against compute", "",
      figure("plot-budgets",
             "Each point is a finished run, each line an arm's budgets of one seed. The "
             "arrow leads from what " +
                 analysis.experiment.baseline +
                 " needs for a loss to what the arm needs for the same one: to the left "
                 "is less compute. Costs are interpolated between points, never extrapolated."));
}

std::string noise_blocks(const Analysis& analysis) {
  std::string html;
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.noise_block.empty()) continue;
    html += "<details><summary>For a recipe with the same settings and fewer seeds: the noise of " +
            escape_html(comparison.arm) + "</summary><pre>" + escape_html(comparison.noise_block) +
            "</pre></details>\n";
  }
  return html;
}

std::string one_outcome(const Analysis& analysis, const Comparison& comparison) {
  std::string body;
  if (format_times(comparison.flops_ratio) != format_times(1)) {
    body += element("p", "callout",
                    comparison.arm + " computes " + format_times(comparison.flops_ratio) +
                        " the FLOPs per position of " + analysis.experiment.baseline + ".");
  }
  body += outcome_table(analysis, comparison);
  if (!comparison.equal_flops.seeds.empty()) {
    body +=
        "<details><summary>Per seed</summary>" + seed_table(analysis, comparison) + "</details>\n";
  }
  return body;
}

std::string outcomes(const Analysis& analysis) {
  if (analysis.comparisons.empty()) return "";
  const Best best = best_comparison(analysis);
  std::string body;
  std::string others;  // of many arms the best alone is shown at once
  for (const Comparison& comparison : analysis.comparisons) {
    const std::string name = escape_html(comparison.arm);
    const std::string one = one_outcome(analysis, comparison);
    if (has_many_arms(analysis) && &comparison != best.comparison) {
      others += "<details><summary>" + name + "</summary>" + one + "</details>\n";
    } else {
      body += (analysis.comparisons.size() > 1 ? "<h3>" + name + "</h3>\n" : "") + one;
    }
  }
  body += others;
  const std::string quoted =
      "Next-token loss on held-out documents" +
      std::string(analysis.quoted == QuotedLoss::kHalfB
                      ? ", half B of them and seeds other than the tuning seed"
                      : "") +
      ": " + format_measured(analysis.measured) + ".";
  return section("outcomes", "Three ways to compare", quoted, body);
}

std::string ranking(const Analysis& analysis) {
  const bool has_grid = !analysis.experiment.grid.empty();
  if (!has_grid && analysis.comparisons.size() < 2) return "";
  std::string html = section(
      "ranking", "Arms by gain",
      "Gain over " + analysis.experiment.baseline +
          " at equal compute, mean over seeds. Where there are many, the first is partly there by "
          "luck; intervals are not corrected for that.",
      ranking_table(analysis));
  const std::string maps = heat_map_tables(analysis);
  if (maps.empty()) return html;
  return html + section("grid", "Gain over the grid",
                        "The darker, the further from level with " + analysis.experiment.baseline +
                            "; green is ahead, orange behind.",
                        maps);
}

std::string gap_plot(const Analysis& analysis) {
  const bool has_gaps =
      std::any_of(analysis.comparisons.begin(), analysis.comparisons.end(),
                  [](const Comparison& comparison) { return !comparison.gaps.empty(); });
  if (!has_gaps) return "";
  return section(
      "gap", "Gap to the baseline over time", "",
      figure("plot-gap",
             "Baseline's loss minus the arm's at the same compute: above zero the arm is ahead. "
             "The gap counts at the end of a run; on the way there it only shows the recovery."));
}

std::string rate_plot(const Analysis& analysis) {
  if (analysis.rate_grids.empty()) return "";
  return section(
      "rates", "Learning rates", "",
      figure("plot-rates",
             "Final loss on half A of the held-out documents against the peak learning rate, "
             "tuning seed. Ringed: the best of each arm."));
}

std::string context_plots(const Analysis& analysis) {
  std::string body;
  const auto has_probe = [](const ArmSummary& arm) { return !arm.context.seeds.empty(); };
  if (std::any_of(analysis.arms.begin(), analysis.arms.end(), has_probe)) {
    body += figure("plot-copying",
                   "The probe of copying: loss on the second of two equal random halves minus loss "
                   "on the first. Below the dashed line, at -0.5, a model copies from its context. "
                   "Dotted: the switch.");
  }
  const auto has_positions = [](const ArmSummary& arm) { return !arm.context.by_position.empty(); };
  if (std::any_of(analysis.arms.begin(), analysis.arms.end(), has_positions)) {
    body += figure("plot-positions",
                   "Final loss by position in the window, mean over seeds. A model that uses its "
                   "context gets better from left to right.");
  }
  return body.empty() ? "" : section("context", "Use of the context", "", body);
}

std::string plots(const Analysis& analysis) {
  const std::vector<std::string> drawn = drawn_arms(analysis);
  std::string hint;
  if (drawn.size() < analysis.experiment.arms.size()) {
    hint = "Curves are of " + drawn.front() + " and of the " + std::to_string(drawn.size() - 1) +
           " arms with the largest gain, here and below.";
  }
  return section("curves", "Learning curves", hint,
                 figure("plot-validation", curves_caption(analysis))) +
         gap_plot(analysis) + context_plots(analysis) + rate_plot(analysis);
}

std::string step_plot(const Analysis& analysis) {
  const bool has_steps =
      std::any_of(analysis.runs.begin(), analysis.runs.end(),
                  [](const Run& run) { return has_curve(run) && !run.records.steps.empty(); });
  if (!has_steps) return "";
  return section("steps", "Step by step", "",
                 figure("plot-steps",
                        "What the records hold of each step; a point is the mean over neighbouring "
                        "records. Dotted: the switch."));
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

std::string router_plot(const Analysis& analysis) {
  const bool has_routers =
      std::any_of(analysis.runs.begin(), analysis.runs.end(),
                  [](const Run& run) { return has_curve(run) && has_router(run); });
  if (!has_routers) return "";
  return section(
      "router", "What the routers of experts do", "",
      figure("plot-router",
             "Load: positions that the most used expert got, over the mean of all experts, in the "
             "layer where that is largest; 1 is even. Entropy of the router's probabilities, mean "
             "over layers. Dotted: the switch."));
}

std::string tasks(const Analysis& analysis) {
  const std::string table = tasks_table(analysis);
  if (table.empty()) return "";
  const std::string hint =
      "Asked next token by next token in every phase, so scores inside superposition are of a "
      "model that was not trained on single tokens. Bits per byte of the right answer is the "
      "primary score: small models choose about as well as chance.";
  return section("tasks", "Evaluation tasks", hint,
                 figure("plot-tasks",
                        "Scores of the runs. Dashed: chance, a blind choice among the answers or, "
                        "of bits per byte, all tokens equally likely. Dotted: the switch.") +
                     table);
}

std::string samples(const Analysis& analysis) {
  const std::string part = samples_part(analysis);
  if (part.empty()) return "";
  return section("samples", "Text that the model writes",
                 "Its most likely tokens after a prompt, at validations.", part);
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
      "of text, comparable across tokenizers; at budget 1, mean over each arm's seeds.";
  if (analysis.sets.size() > 1) {
    hint += " Every other figure of this page is of " + analysis.sets.front().name + ".";
  }
  return hint;
}

std::string settings_hint(const Analysis& analysis) {
  for (const Run& run : analysis.runs) {
    if (!run.records.header.settings.empty()) continue;
    return "Incomplete: the records of " + run.label() + " hold no settings.";
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
  const Words words = put_in_words(analysis);
  std::string html = head(analysis) + "<body><main>\n" + hero(analysis, words) +
                     budget_plot(analysis) + outcomes(analysis) + ranking(analysis);
  html += optional_section("words", "In words", "", list_of("words", words.sentences));
  html += plots(analysis) + tasks(analysis) + samples(analysis) + bag_plot(analysis) +
          router_plot(analysis) + step_plot(analysis);
  html += optional_section("spread", "Spread over seeds",
                           "How far the final losses of seeds lie apart, nats per token.",
                           spread_table(analysis) + noise_blocks(analysis));
  html += optional_section("sets", "Validation sets", sets_hint(analysis), sets_table(analysis));
  if (only_run(analysis) == nullptr) {
    html += optional_section("runs", "All runs",
                             "Nats per token. Finished runs: the final loss. Unfinished ones and "
                             "trunks (the part that runs of other budgets branch from): the last "
                             "validation, on fewer windows.",
                             runs_table(analysis));
  }
  html += optional_section("speed", "Throughput",
                           "Averages per phase over the training steps, with loading; "
                           "evaluation and checkpoints are listed separately.",
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
