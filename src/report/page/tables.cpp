#include "report/page/tables.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "report/load.h"
#include "report/page/html.h"
#include "report/words/run_words.h"
#include "report/words/text.h"
#include "report/words/verdict.h"
#include "util/text.h"

namespace superpose::report {
namespace {

Cell number(std::string main, std::string sub = "") {
  return {std::move(main), std::move(sub), true};
}

template <class Value>
double mean_of(const SpeedUpOutcome& outcome, const Value& value) {
  double sum = 0;
  for (const auto& seed : outcome.seeds) sum += value(seed);
  return sum / static_cast<double>(outcome.seeds.size());
}

double epochs_at(const ArmSummary& arm, double tokens) {
  return arm.raw_tokens > 0 ? arm.epochs * tokens / arm.raw_tokens : 0;
}

// "12.4 PFLOP, 62.7M raw tokens, 0.70 epochs"
std::string cost_line(const ArmSummary& arm, double flops, double tokens) {
  return util::format_flops(flops) + ", " + format_tokens(tokens) + " raw tokens, " +
         format_epochs(epochs_at(arm, tokens));
}

Cell gain_result(const GainOutcome& outcome, const std::string& arm) {
  std::string sub = support(outcome);
  if (outcome.mean.match == Match::kUnmatched) {
    sub += "; not at equal FLOPs: no budget to interpolate between";
  }
  if (outcome.mean.match == Match::kInterpolated) sub += "; interpolated between budgets";
  return number(arm + " " + format_gain(outcome.mean.gain), sub);
}

std::vector<Cell> gain_row(Cell question, const Analysis& analysis, const Comparison& comparison,
                           const GainOutcome& outcome) {
  if (!outcome.available)
    return {std::move(question), number("-"), number("-"), number("not run", outcome.why_not)};
  const ArmSummary& base = *analysis.find_arm(analysis.experiment.baseline);
  const ArmSummary& arm = *analysis.find_arm(comparison.arm);
  const SeedGain& mean = outcome.mean;
  return {std::move(question),
          number(format_loss(mean.baseline_loss),
                 cost_line(base, mean.baseline_flops, mean.baseline_tokens)),
          number(format_loss(mean.arm_loss), cost_line(arm, mean.arm_flops, mean.arm_tokens)),
          gain_result(outcome, comparison.arm)};
}

// Costs as they were read: "<= 12.4 PFLOP" where the cheapest run is already below the target.
std::string cost_figure(double log_cost, Bound bound, Bound at_most) {
  const char* prefix = bound == Bound::kExact ? "" : bound == at_most ? "<= " : ">= ";
  return prefix + util::format_flops(std::exp(log_cost));
}

std::string speed_details(const Comparison& comparison, const ToldSpeedUp& told) {
  std::string text = speed_up_support(*told.flops);
  if (told.time->available) text += "; by training time " + speed_up_figure(*told.time);
  if (!told.is_secondary && comparison.speed_up_secondary.available) {
    text += "; at the final loss of " + comparison.arm + " " +
            speed_up_figure(comparison.speed_up_secondary);
  }
  return text;
}

std::vector<Cell> speed_row(const Comparison& comparison, const Analysis& analysis) {
  const ToldSpeedUp told = told_speed_up(comparison);
  const std::string& baseline = analysis.experiment.baseline;
  Cell question{"Same loss", "who gets to the final loss of " +
                                 (told.is_secondary ? comparison.arm : baseline) +
                                 " with less compute?"};
  if (told.flops == nullptr) {
    const std::string why =
        analysis.has_budgets ? comparison.speed_up.why_not : "needs runs at several budgets";
    return {question, number("-"), number("-"), number("not run", why)};
  }
  const SpeedUpOutcome& speed = *told.flops;
  const auto base_cost =
      mean_of(speed, [](const SeedSpeedUp& seed) { return std::log(seed.baseline_cost); });
  const auto arm_cost =
      mean_of(speed, [](const SeedSpeedUp& seed) { return std::log(seed.arm_cost); });
  const std::string target =
      "at loss " +
      format_loss(mean_of(speed, [](const SeedSpeedUp& seed) { return seed.target_loss; }));
  const auto epochs_line = [&](const std::string& name) {
    return target + ", " + format_epochs(analysis.find_arm(name)->epochs) + " at budget 1";
  };
  const auto figure = [&](double cost, bool is_read, Bound at_most) {
    if (is_read && !speed.determined) return std::string("not determined");
    return cost_figure(cost, is_read ? speed.bound : Bound::kExact, at_most);
  };
  return {
      question, number(figure(base_cost, told.is_secondary, Bound::kAtMost), epochs_line(baseline)),
      number(figure(arm_cost, !told.is_secondary, Bound::kAtLeast), epochs_line(comparison.arm)),
      number(speed.determined ? "Speed-up " + speed_up_figure(speed) + speed_up_meaning(speed)
                              : "not determined",
             speed_details(comparison, told))};
}

// First record of a phase (or what stands before it) and its last one.
struct PhaseSpan {
  metrics::StepRecord before;
  metrics::StepRecord last;
};
std::map<std::int64_t, PhaseSpan> phase_spans(const Run& run) {
  std::map<std::int64_t, PhaseSpan> spans;
  metrics::StepRecord before;
  for (const metrics::StepRecord& step : run.records.steps) {
    const auto [span, is_new] = spans.try_emplace(step.phase);
    if (is_new) span->second.before = before;
    span->second.last = step;
    before = step;
  }
  return spans;
}

std::string loss_or_dash(const std::optional<double>& loss) {
  return loss ? format_loss(*loss) : "-";
}

std::map<std::string, std::string> settings_of_arm(const Analysis& analysis,
                                                   const std::string& arm) {
  std::map<std::string, std::string> settings;
  for (const Run& run : analysis.runs) {
    if (run.entry.arm != arm || run.entry.budget != 1 || run.entry.role == Role::kTuning) continue;
    for (const util::Setting& setting : run.records.header.settings) {
      if (!setting.operational) settings[setting.key] = setting.value;
    }
    break;  // seeds of an arm share their recipe
  }
  return settings;
}

}  // namespace

std::string outcome_table(const Analysis& analysis, const Comparison& comparison) {
  HtmlTable html;
  html.css_class = "outcomes";
  html.head = {
      {"", ""}, number(analysis.experiment.baseline), number(comparison.arm), number("Result")};
  html.rows.push_back(gain_row({"Same compute", "equal FLOPs: whose loss is lower?"}, analysis,
                               comparison, comparison.equal_flops));
  if (comparison.equal_flops.documents.low) {
    html.rows.back().back().sub +=
        "; 95 % interval over documents: " + document_support(comparison.equal_flops.documents);
  }
  html.rows.push_back(speed_row(comparison, analysis));
  html.rows.push_back(gain_row({"Same text", "equal raw tokens: whose loss is lower?"}, analysis,
                               comparison, comparison.equal_raw_tokens));
  return table(html);
}

std::string seed_table(const Analysis& analysis, const Comparison& comparison) {
  HtmlTable html;
  html.css_class = "plain";
  html.head = {{"Seed", ""},
               number("Loss, " + analysis.experiment.baseline),
               number("Loss, " + comparison.arm),
               number(comparison.arm),
               number("First ahead after the switch"),
               number("Stays ahead")};
  if (analysis.has_budgets) html.head.push_back(number("Speed-up at baseline's loss"));
  for (const SeedGain& seed : comparison.equal_flops.seeds) {
    std::vector<Cell> row = {{std::to_string(seed.seed), ""},
                             number(format_loss(seed.baseline_loss)),
                             number(format_loss(seed.arm_loss)),
                             number(format_gain(seed.gain))};
    for (const Crossing& crossing : comparison.crossings) {
      if (crossing.seed != seed.seed) continue;
      row.push_back(number(crossing.first_ahead ? "step " + util::with_commas(*crossing.first_ahead)
                           : crossing.switch_step > 0 ? "never"
                                                      : "no switch"));
      row.push_back(number(crossing.first_ahead ? (crossing.stays ? "yes" : "no") : "-"));
    }
    if (analysis.has_budgets) {
      Cell cell = number("-");
      for (const SeedSpeedUp& speed : comparison.speed_up.seeds) {
        if (speed.seed != seed.seed) continue;
        const char* bound = speed.bound == Bound::kAtLeast  ? ">= "
                            : speed.bound == Bound::kAtMost ? "<= "
                                                            : "";
        cell = number(bound + format_times(speed.factor));
      }
      row.push_back(cell);
    }
    html.rows.push_back(std::move(row));
  }
  return table(html);
}

std::string spread_table(const Analysis& analysis) {
  HtmlTable html;
  html.css_class = "plain";
  html.head = {{"Final loss", ""},
               number("Seeds"),
               number("Standard deviation"),
               number("At most (95 %, one-sided)")};
  const auto add = [&](const std::string& what, const std::optional<Spread>& spread) {
    if (!spread) return;
    html.rows.push_back({{what, ""},
                         number(std::to_string(spread->count)),
                         number(format_loss(spread->deviation)),
                         number(format_loss(spread->upper))});
  };
  for (const ArmSummary& arm : analysis.arms) add(arm.name, arm.spread);
  for (const Comparison& comparison : analysis.comparisons) {
    add("difference of " + analysis.experiment.baseline + " and " + comparison.arm + ", paired",
        comparison.equal_flops.spread);
  }
  return html.rows.empty() ? "" : table(html);
}

std::string sets_table(const Analysis& analysis) {
  HtmlTable html;
  html.css_class = "plain";
  const bool is_compared = only_run(analysis) == nullptr;
  html.head = {{"Set", ""}};
  if (is_compared) html.head.push_back({"Arm", ""});
  for (const char* name : {"Loss", "Perplexity", "Bits/byte"}) html.head.push_back(number(name));
  if (is_compared) html.head.push_back(number("Against " + analysis.experiment.baseline));
  for (const SetSummary& set : analysis.sets) {
    const bool is_primary = &set == &analysis.sets.front() && analysis.sets.size() > 1;
    for (const ArmScore& arm : set.arms) {
      const bool first = &arm == &set.arms.front();
      std::vector<Cell> row = {
          {first ? set.name : "",
           first ? (is_primary ? "primary; " : "") + format_measured(set.measured) : ""}};
      if (is_compared) row.push_back({arm.arm, util::counted(arm.seeds, "seed")});
      row.push_back(number(format_loss(arm.loss)));
      row.push_back(number(util::fixed(arm.perplexity, 2)));
      row.push_back(number(loss_or_dash(arm.bits_per_byte)));
      if (is_compared) {
        row.push_back(arm.gain ? number(format_gain(arm.gain->mean), support(*arm.gain))
                               : number(""));
      }
      html.rows.push_back(std::move(row));
    }
  }
  return html.rows.empty() ? "" : table(html);
}

std::string runs_table(const Analysis& analysis) {
  HtmlTable html;
  html.css_class = "plain";
  html.head = {
      {"Run", ""},      number("Peak rate"),    number("Loss, whole"), number("Half A"),
      number("Half B"), number("Bits/byte"),    number("FLOPs"),       number("Raw tokens"),
      number("Epochs"), number("Training time")};
  for (const Run& run : analysis.runs) {
    if (run.records.validations.empty()) continue;
    const metrics::ValidationRecord& last = run.records.validations.back();
    html.rows.push_back(
        {{run.label(), run.finished || run.entry.role == Role::kTrunk ? "" : "not finished"},
         number(format_rate(run.entry.learning_rate)),
         number(format_loss(last.loss)),
         number(loss_or_dash(last.loss_half_a)),
         number(loss_or_dash(last.loss_half_b)),
         number(loss_or_dash(last.bits_per_byte)),
         number(util::format_flops(run.flops)),
         number(format_tokens(static_cast<double>(run.raw_tokens))),
         number(run.epochs > 0 ? util::fixed(run.epochs, 2) : "-"),
         number(run.seconds > 0 ? util::format_duration(run.seconds) : "-")});
  }
  return table(html);
}

std::string speed_table(const Analysis& analysis) {
  HtmlTable html;
  html.css_class = "plain";
  const bool is_one_run = only_run(analysis) != nullptr;
  html.head = {{is_one_run ? "Phase" : "Run and phase", ""},
               number("Positions/s"),
               number("Raw tokens/s"),
               number("Waiting for data"),
               number("Evaluation"),
               number("Checkpoints")};
  for (const Run& run : analysis.runs) {
    if (!is_result(run.entry.role) || run.entry.budget != 1) continue;
    bool first = true;
    for (const auto& [phase, span] : phase_spans(run)) {
      metrics::StepRecord rates = span.last;
      set_rates(rates, span.before);
      const std::string kind =
          rates.bag_size > 1 || rates.target_size > 1
              ? "superposed, s = " + std::to_string(std::max(rates.bag_size, rates.target_size))
              : "next token";
      const bool apart = first && run.records.summary;  // once per run
      if (rates.positions_per_second <= 0) continue;    // another trainer's, without its positions
      html.rows.push_back(
          {{is_one_run ? kind : run.label() + ", " + kind, ""},
           number(util::format_count(std::llround(rates.positions_per_second))),
           number(util::format_count(std::llround(rates.raw_tokens_per_second))),
           number(util::fixed(100 * rates.wait_share, 1) + " %"),
           number(apart ? util::format_duration(run.records.summary->evaluation_seconds) : ""),
           number(apart ? util::format_duration(run.records.summary->checkpoint_seconds) : "")});
      first = false;
    }
  }
  return html.rows.empty() ? "" : table(html);
}

std::string settings_table(const Analysis& analysis) {
  std::vector<std::map<std::string, std::string>> by_arm;
  std::set<std::string> keys;
  for (const std::string& arm : analysis.experiment.arms) {
    by_arm.push_back(settings_of_arm(analysis, arm));
    for (const auto& [key, value] : by_arm.back()) keys.insert(key);
  }
  HtmlTable html;
  html.css_class = "plain settings";
  html.head = {{"Setting", ""}};
  for (const std::string& arm : analysis.experiment.arms) html.head.push_back({arm, ""});
  for (const std::string& key : keys) {
    std::vector<Cell> row = {{key, ""}};
    std::set<std::string> values;
    for (const auto& settings : by_arm) {
      const auto found = settings.find(key);
      row.push_back({found == settings.end() ? "-" : found->second, ""});
      values.insert(row.back().main);
    }
    if (values.size() > 1) html.rows.push_back(std::move(row));
  }
  return html.rows.empty() ? "" : table(html);
}

std::string machine_table(const Analysis& analysis) {
  HtmlTable html;
  html.css_class = "plain settings";
  // Runs may come from several machines: each fact once, with the values found.
  std::vector<std::pair<std::string, std::vector<std::string>>> facts;
  const auto add = [&](const std::string& name, const std::string& value) {
    if (value.empty() || value == "0") return;
    auto found = std::find_if(facts.begin(), facts.end(),
                              [&](const auto& fact) { return fact.first == name; });
    if (found == facts.end()) found = facts.insert(facts.end(), {name, {}});
    const bool known =
        std::find(found->second.begin(), found->second.end(), value) != found->second.end();
    if (!known) found->second.push_back(value);
  };
  for (const Run& run : analysis.runs) {
    const metrics::RunHeader& header = run.records.header;
    add("Model", header.model);
    add("Parameters", util::with_commas(header.parameters));
    if (header.flops_per_position > 0) {
      add("FLOPs per position", util::format_flops(header.flops_per_position));
    }
    add("Positions per step", util::with_commas(header.positions_per_step));
    add("Sequence length", util::with_commas(header.sequence_length));
    add("Tokens to train on", util::with_commas(header.train_tokens));
    add("CPU", header.cpu);
    add("Instructions", header.isa);
    add("Threads", std::to_string(header.threads));
    if (header.threads > 0) add("Ranks", std::to_string(header.ranks));
    add("Device", header.device);
    add("Precision", header.precision);
    for (const auto& [name, version] : header.versions) add(name, version);
    add("Recipe fingerprint", header.fingerprints.recipe);
    add("Data fingerprint", header.fingerprints.data);
    add("Validation fingerprint", header.fingerprints.validation);
  }
  for (const auto& [name, values] : facts)
    html.rows.push_back({{name, ""}, {util::join(values, "; "), ""}});
  return html.rows.empty() ? "" : table(html);
}

}  // namespace superpose::report
