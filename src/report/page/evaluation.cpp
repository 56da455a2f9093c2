#include "report/page/evaluation.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "report/load.h"
#include "report/page/html.h"
#include "report/page/plot_data.h"
#include "report/task_scores.h"
#include "report/words/ranking.h"
#include "report/words/run_words.h"
#include "report/words/text.h"
#include "util/text.h"

namespace superpose::report {
namespace {

// Rows of a table of samples: long runs show validations spread evenly over them.
constexpr std::size_t kMostSamples = 12;

Cell number(std::string main, std::string sub = "") {
  return {std::move(main), std::move(sub), true};
}

using Validations = std::vector<const metrics::ValidationRecord*>;

Validations validations_with_samples(const Run& run) {
  Validations all;
  for (const metrics::ValidationRecord& record : run.records.validations) {
    if (!record.samples.empty()) all.push_back(&record);
  }
  if (all.size() <= kMostSamples) return all;
  Validations some;
  for (std::size_t i = 0; i < kMostSamples; ++i) {
    some.push_back(all[i * (all.size() - 1) / (kMostSamples - 1)]);
  }
  return some;
}

const metrics::TextSample* find_sample(const metrics::ValidationRecord& record,
                                       const std::string& prompt) {
  const auto found = std::find_if(record.samples.begin(), record.samples.end(),
                                  [&](const auto& sample) { return sample.prompt == prompt; });
  return found == record.samples.end() ? nullptr : &*found;
}

std::string table_of_prompt(const Run& run, const Validations& validations,
                            const std::string& prompt) {
  HtmlTable html;
  html.css_class = "plain samples";
  html.head = {{"Step", ""}, {"Continuation", ""}};
  const std::int64_t switch_step = switch_step_of(run.records.header);
  bool has_switched = switch_step == 0;
  for (const metrics::ValidationRecord* record : validations) {
    const metrics::TextSample* sample = find_sample(*record, prompt);
    if (sample == nullptr) continue;
    if (!has_switched && record->step > switch_step) {
      html.rows.push_back({{util::with_commas(switch_step), "", false, "switch"},
                           {"switch to next-token training", "", false, "switch"}});
      has_switched = true;
    }
    html.rows.push_back({{util::with_commas(record->step), ""}, {sample->text, ""}});
  }
  return "<h3>After <code>" + escape_html(prompt) + "</code></h3>\n" + table(html);
}

std::string samples_of(const Run& run) {
  const Validations validations = validations_with_samples(run);
  std::vector<std::string> prompts;
  for (const metrics::ValidationRecord* record : validations) {
    for (const metrics::TextSample& sample : record->samples) {
      const bool is_new = std::find(prompts.begin(), prompts.end(), sample.prompt) == prompts.end();
      if (is_new) prompts.push_back(sample.prompt);
    }
  }
  std::string html;
  for (const std::string& prompt : prompts) html += table_of_prompt(run, validations, prompt);
  return html;
}

}  // namespace

std::string tasks_table(const Analysis& analysis) {
  HtmlTable html;
  html.css_class = "plain";
  const bool is_compared = only_run(analysis) == nullptr;
  html.head = {{"Task", ""}, {"Score", ""}};
  if (is_compared) html.head.push_back({"Arm", ""});
  html.head.push_back(number("Value"));
  html.head.push_back(number("Chance"));
  if (is_compared) html.head.push_back(number("Against " + analysis.experiment.baseline));
  for (const TaskSummary& task : analysis.tasks) {
    for (const TaskScoreSummary& score : task.scores) {
      for (const ArmTaskScore& arm : score.arms) {
        const bool first_of_score = &arm == &score.arms.front();
        const bool first_of_task = first_of_score && &score == &task.scores.front();
        std::vector<Cell> row = {
            {first_of_task ? task.name : "",
             first_of_task ? util::counted(task.items, "item") : ""},
            {first_of_score ? score_words(score.name) : "", first_of_task ? "primary" : ""}};
        if (is_compared) row.push_back({arm.arm, util::counted(arm.seeds, "seed")});
        row.push_back(number(format_loss(arm.value),
                             arm.error ? "+- " + format_loss(*arm.error) + " over items" : ""));
        row.push_back(number(score.chance ? format_loss(*score.chance) : "-"));
        if (is_compared) {
          row.push_back(arm.gain ? number(format_gain(arm.gain->mean), support(*arm.gain))
                                 : number(""));
        }
        html.rows.push_back(std::move(row));
      }
    }
  }
  return html.rows.empty() ? "" : table(html);
}

std::string samples_part(const Analysis& analysis) {
  if (const Run* run = only_run(analysis)) return samples_of(*run);
  std::string html;
  const std::vector<std::string> drawn = drawn_arms(analysis);
  std::set<std::string> shown;
  for (const Run& run : analysis.runs) {
    const bool is_drawn = std::find(drawn.begin(), drawn.end(), run.entry.arm) != drawn.end();
    if (!has_curve(run) || !is_drawn || shown.contains(run.entry.arm)) continue;
    const std::string samples = samples_of(run);
    if (samples.empty()) continue;
    shown.insert(run.entry.arm);
    html += "<details open><summary>" + escape_html(run.label()) + "</summary>" + samples +
            "</details>\n";
  }
  return html;
}

}  // namespace superpose::report
