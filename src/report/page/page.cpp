#include "report/page/page.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "report/page/assets.h"
#include "report/page/evaluation.h"
#include "report/page/grid.h"
#include "report/page/hero.h"
#include "report/page/html.h"
#include "report/page/parts.h"
#include "report/page/plot_data.h"
#include "report/page/plots.h"
#include "report/page/run_tables.h"
#include "report/page/tables.h"
#include "report/page/terms.h"
#include "report/words/curve_words.h"
#include "report/words/ranking.h"
#include "report/words/run_words.h"
#include "report/words/text.h"
#include "report/words/verdict.h"
#include "report/words/words.h"
#include "util/text.h"

namespace superpose::report {
namespace {

constexpr const char* kWithoutScript =
    "<noscript><style>.plot,.controls{display:none}</style><p class=\"callout\">The plots of this "
    "page are drawn by JavaScript, which is off. Words and tables are complete without it, and "
    "curves.csv and results.csv, next to this page, hold what the plots would show.</p></noscript>"
    "\n";

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

Section outcomes(const Analysis& analysis) {
  if (analysis.comparisons.empty()) return {};
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
  return {"outcomes", "Three ways to compare", quoted, body};
}

Section ranking(const Analysis& analysis) {
  const bool has_grid = !analysis.experiment.grid.empty();
  if (!has_grid && analysis.comparisons.size() < 2) return {};
  return {"ranking", "Arms by gain",
          "Gain over " + analysis.experiment.baseline +
              " at equal compute, mean over seeds. Where there are many, the first is partly there "
              "by luck; intervals are not corrected for that.",
          ranking_table(analysis)};
}

Section grid(const Analysis& analysis) {
  return {"grid", "Gain over the grid",
          "The darker, the further from level with " + analysis.experiment.baseline +
              "; green is ahead, orange behind.",
          heat_map_tables(analysis)};
}

Section tasks(const Analysis& analysis) {
  const std::string table = tasks_table(analysis);
  if (table.empty()) return {};
  const std::string hint =
      "Asked next token by next token in every phase, so scores inside superposition are of a "
      "model that was not trained on single tokens. Bits per byte of the right answer is the "
      "primary score: small models choose about as well as chance.";
  return {"tasks", "Evaluation tasks", hint,
          figure("plot-tasks",
                 "Scores of the runs. Dashed: chance, a blind choice among the answers or, "
                 "of bits per byte, all tokens equally likely." +
                     switch_words(analysis)) +
              table,
          "positions, raw tokens"};
}

Section samples(const Analysis& analysis) {
  return {"samples", "Text that the model writes",
          "Its most likely tokens after a prompt, at validations.", samples_part(analysis)};
}

Section recipe(const Analysis& analysis) {
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
  return {"repeat", "Repeat it", "", body};
}

std::string sets_hint(const Analysis& analysis) {
  std::string hint =
      "Next-token loss over both halves of each set, nats per token, and the same in bits per byte "
      "of text, comparable across tokenizers" +
      std::string(only_run(analysis) != nullptr ? "."
                                                : "; at budget 1, mean over each arm's seeds.");
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
         "<meta name=\"color-scheme\" content=\"light dark\">\n"
         "<link rel=\"icon\" href=\"data:,\">\n<title>" +
         escape_html("Superpose: " + analysis.experiment.title) + "</title>\n<style>\n" +
         std::string(page_style()) + "</style></head>\n";
}

std::vector<Section> tables(const Analysis& analysis) {
  const bool is_one_run = only_run(analysis) != nullptr;
  std::vector<Section> all;
  all.push_back({"spread", "Spread over seeds",
                 "How far the final losses of seeds lie apart, nats per token.",
                 spread_table(analysis) + noise_blocks(analysis)});
  all.push_back({"sets", "Validation sets", sets_hint(analysis), sets_table(analysis)});
  if (!is_one_run) {
    all.push_back({"runs", "All runs",
                   "Nats per token. Finished runs: the final loss. Unfinished ones and trunks (the "
                   "part that runs of other budgets branch from): the last validation, on fewer "
                   "windows.",
                   runs_table(analysis)});
  }
  all.push_back({"speed", "Throughput",
                 "Averages per phase over the training steps, with loading; evaluation and "
                 "checkpoints are listed separately.",
                 speed_table(analysis)});
  if (is_one_run) {
    all.push_back({"time", "Time", "", time_table(*only_run(analysis))});
    all.push_back({"corpus", "Data", "", data_table(*only_run(analysis))});
  }
  all.push_back({"settings", "What differs between the arms", settings_hint(analysis),
                 is_one_run ? "" : settings_table(analysis)});
  all.push_back({"machine", is_one_run ? "Model and machine" : "Model, data and machine", "",
                 machine_table(analysis)});
  all.push_back(recipe(analysis));
  return all;
}

// In the order of the page. With many arms the first three screens hold what ranks them; the rest
// is folded.
std::vector<Section> sections_of(const Analysis& analysis, const Words& words) {
  std::vector<Section> all;
  const bool is_long = has_many_arms(analysis);
  const Section in_words = {"words", "In words", "", list_of("words", words.sentences)};
  if (is_long) {
    all = {ranking(analysis), grid(analysis), loss_plot(analysis)};
  } else {
    all = {budget_plot(analysis), outcomes(analysis), ranking(analysis),
           grid(analysis),        in_words,           loss_plot(analysis)};
  }
  const std::size_t shown = all.size();
  if (is_long) {
    all.insert(all.end(), {in_words, outcomes(analysis), budget_plot(analysis)});
  }
  all.insert(all.end(),
             {gap_plot(analysis), context_plots(analysis), rate_plot(analysis), tasks(analysis),
              samples(analysis), bag_plot(analysis), router_plot(analysis), step_plot(analysis)});
  for (Section& one : tables(analysis)) all.push_back(std::move(one));
  for (std::size_t i = shown; i < all.size(); ++i) all[i].is_folded = is_long;
  std::erase_if(all, [](const Section& one) { return one.body.empty(); });
  return all;
}

std::string scripts(const Analysis& analysis, std::string_view plotly_script) {
  const std::string data =
      plot_data(analysis).dump(-1, ' ', false, util::Json::error_handler_t::replace);
  return "<script>" + escape_script(plotly_script) +
         "</script>\n<script type=\"application/json\" id=\"data\">" + escape_script_json(data) +
         "</script>\n<script>\n" + std::string(page_script()) + "</script>";
}

}  // namespace

std::string html_page(const Analysis& analysis, std::string_view plotly_script) {
  const Words words = put_in_words(analysis);
  const std::vector<Section> sections = sections_of(analysis, words);
  std::set<std::string> told;  // terms
  const std::string opening = hero(analysis, words);
  std::string html = head(analysis) + "<body><main>\n" + opening + explain_terms(opening, told) +
                     kWithoutScript + contents_html(sections);
  for (const Section& one : sections) html += section_html(one, told);
  return html + "</main>\n" + scripts(analysis, plotly_script) + "</body></html>\n";
}

}  // namespace superpose::report
