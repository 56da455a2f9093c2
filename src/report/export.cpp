#include "report/export.h"

#include <array>
#include <string_view>

#include "report/load.h"
#include "report/ranking.h"
#include "report/sets.h"
#include "report/verdict.h"
#include "report/words.h"
#include "util/json.h"
#include "util/json_fields.h"
#include "util/text.h"

namespace superpose::report {
namespace {

using util::Json;

constexpr std::int64_t kReportSchema = 1;
constexpr std::array<std::string_view, 3> kMatches = {"equal", "interpolated", "unmatched"};
constexpr std::array<std::string_view, 3> kBounds = {"exact", "at_least", "at_most"};
constexpr std::array<std::string_view, 3> kQuoted = {"whole", "half_a", "half_b"};
constexpr std::array<std::string_view, 3> kSources = {"none", "seeds", "noise_figure"};
constexpr std::array<std::string_view, 5> kVerdicts = {"none", "too_few_seeds", "unclear", "ahead",
                                                       "behind"};

template <class Enum, std::size_t N>
std::string_view name(const std::array<std::string_view, N>& names, Enum value) {
  return names.at(static_cast<std::size_t>(value));
}

Json number(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json interval_json(const Interval& interval) {
  Json json;
  json["seeds"] = interval.count;
  json["mean"] = interval.mean;
  json["low"] = number(interval.low);
  json["high"] = number(interval.high);
  return json;
}

Json spread_json(const std::optional<Spread>& spread) {
  if (!spread) return {};
  Json json;
  json["seeds"] = spread->count;
  json["deviation"] = spread->deviation;
  json["upper"] = spread->upper;
  return json;
}

Json documents_json(const DocumentError& error) {
  Json json;
  json["low"] = number(error.low);
  json["high"] = number(error.high);
  json["count"] = error.count;
  if (!error.low) json["why_not"] = error.why_not;
  return json;
}

Json gain_json(const GainOutcome& outcome) {
  Json json;
  json["available"] = outcome.available;
  if (!outcome.available) {
    json["why_not"] = outcome.why_not;
    return json;
  }
  json["gain"] = interval_json(outcome.interval);
  json["interval_source"] = name(kSources, outcome.source);
  if (outcome.source == IntervalSource::kNoiseFigure) {
    json["noise"] = util::fields_to_json(outcome.noise);
  }
  json["spread"] = spread_json(outcome.spread);
  json["per_seed"] = Json::array();
  for (const SeedGain& seed : outcome.seeds) {
    Json one;
    one["seed"] = seed.seed;
    one["baseline_loss"] = seed.baseline_loss;
    one["arm_loss"] = seed.arm_loss;
    one["gain"] = seed.gain;
    one["baseline_flops"] = seed.baseline_flops;
    one["arm_flops"] = seed.arm_flops;
    one["baseline_raw_tokens"] = seed.baseline_tokens;
    one["arm_raw_tokens"] = seed.arm_tokens;
    one["match"] = name(kMatches, seed.match);
    json["per_seed"].push_back(std::move(one));
  }
  return json;
}

Json speed_up_json(const SpeedUpOutcome& outcome) {
  Json json;
  json["available"] = outcome.available;
  if (!outcome.available) {
    json["why_not"] = outcome.why_not;
    return json;
  }
  json["determined"] = outcome.determined;
  json["bound"] = name(kBounds, outcome.bound);
  json["factor"] = interval_json(outcome.interval);
  json["per_seed"] = Json::array();
  for (const SeedSpeedUp& seed : outcome.seeds) {
    Json one;
    one["seed"] = seed.seed;
    one["target_loss"] = seed.target_loss;
    one["factor"] = seed.factor;
    one["bound"] = name(kBounds, seed.bound);
    one["baseline_cost"] = seed.baseline_cost;
    one["arm_cost"] = seed.arm_cost;
    json["per_seed"].push_back(std::move(one));
  }
  return json;
}

Json comparison_json(const Comparison& comparison) {
  Json json;
  json["arm"] = comparison.arm;
  json["verdict"] = name(kVerdicts, verdict_of(comparison.equal_flops));
  json["flops_per_position_ratio"] = comparison.flops_ratio;
  json["equal_flops"] = gain_json(comparison.equal_flops);
  json["equal_flops"]["documents"] = documents_json(comparison.equal_flops.documents);
  if (!comparison.noise_block.empty()) json["noise_block"] = comparison.noise_block;
  json["equal_raw_tokens"] = gain_json(comparison.equal_raw_tokens);
  json["speed_up"] = speed_up_json(comparison.speed_up);
  json["speed_up_time"] = speed_up_json(comparison.speed_up_time);
  json["speed_up_secondary"] = speed_up_json(comparison.speed_up_secondary);
  json["speed_up_secondary_time"] = speed_up_json(comparison.speed_up_secondary_time);
  json["crossings"] = Json::array();
  for (const Crossing& crossing : comparison.crossings) {
    Json one;
    one["seed"] = crossing.seed;
    one["switch_step"] = crossing.switch_step;
    one["first_ahead_step"] = crossing.first_ahead ? Json(*crossing.first_ahead) : Json();
    one["stays_ahead"] = crossing.stays;
    json["crossings"].push_back(std::move(one));
  }
  return json;
}

Json score_json(const metrics::SetScore& set) {
  Json json;
  json["name"] = set.name;
  json["loss"] = set.loss;
  json["loss_half_a"] = number(set.loss_half_a);
  json["loss_half_b"] = number(set.loss_half_b);
  json["perplexity"] = set.perplexity;
  json["bits_per_byte"] = number(set.bits_per_byte);
  return json;
}

Json run_json(const Run& run) {
  Json json;
  json["arm"] = run.entry.arm;
  json["seed"] = run.entry.seed;
  json["learning_rate"] = run.entry.learning_rate;
  json["budget"] = run.entry.budget;
  json["role"] = name(kRoleNames, run.entry.role);
  json["finished"] = run.finished;
  json["flops"] = run.flops;
  json["raw_tokens"] = run.raw_tokens;
  json["epochs"] = run.epochs;
  json["seconds"] = run.seconds;
  if (!run.records.validations.empty()) {
    const metrics::ValidationRecord& last = run.records.validations.back();
    json["step"] = last.step;
    json["positions"] = last.positions;
    json["loss"] = last.loss;
    json["loss_half_a"] = number(last.loss_half_a);
    json["loss_half_b"] = number(last.loss_half_b);
    json["bits_per_byte"] = number(last.bits_per_byte);
    json["perplexity"] = last.perplexity;
    json["sets"] = Json::array();
    for (const metrics::SetScore& set : last.sets) json["sets"].push_back(score_json(set));
  }
  json["folder"] = run.entry.folder;
  return json;
}

Json measured_json(const std::optional<Measured>& measured) {
  if (!measured) return {};
  Json json;
  json["least"] = util::fields_to_json(measured->least);
  json["most"] = util::fields_to_json(measured->most);
  return json;
}

Json set_json(const SetSummary& set) {
  Json json;
  json["name"] = set.name;
  json["measured"] = measured_json(set.measured);
  json["arms"] = Json::array();
  for (const ArmScore& arm : set.arms) {
    Json one;
    one["arm"] = arm.arm;
    one["seeds"] = arm.seeds;
    one["loss"] = arm.loss;
    one["perplexity"] = arm.perplexity;
    one["bits_per_byte"] = number(arm.bits_per_byte);
    one["gain"] = arm.gain ? interval_json(*arm.gain) : Json();
    json["arms"].push_back(std::move(one));
  }
  return json;
}

Json task_json(const TaskSummary& task) {
  Json json;
  json["name"] = task.name;
  json["items"] = task.items;
  json["fingerprint"] = task.fingerprint;
  json["scores"] = Json::array();
  for (const TaskScoreSummary& score : task.scores) {
    Json one;
    one["name"] = score.name;
    one["chance"] = number(score.chance);
    one["arms"] = Json::array();
    for (const ArmTaskScore& arm : score.arms) {
      Json of_arm;
      of_arm["arm"] = arm.arm;
      of_arm["seeds"] = arm.seeds;
      of_arm["value"] = arm.value;
      of_arm["error"] = number(arm.error);
      of_arm["gain"] = arm.gain ? interval_json(*arm.gain) : Json();
      one["arms"].push_back(std::move(of_arm));
    }
    json["scores"].push_back(std::move(one));
  }
  return json;
}

Json copying_json(const SeedCopying& seed) {
  Json json;
  json["seed"] = seed.seed;
  json["from_step"] = seed.from_step ? Json(*seed.from_step) : Json();
  json["last_step"] = seed.last.step;
  json["last"] = seed.last.copying;
  if (seed.before_decay) {
    json["before_decay_step"] = seed.before_decay->step;
    json["before_decay"] = seed.before_decay->copying;
  }
  return json;
}

Json arm_json(const ArmSummary& arm) {
  Json json;
  json["arm"] = arm.name;
  json["seeds"] = arm.seeds;
  json["loss"] = number(arm.mean_loss);
  json["spread"] = spread_json(arm.spread);
  json["copying"] = Json::array();
  for (const SeedCopying& seed : arm.context.seeds) json["copying"].push_back(copying_json(seed));
  json["by_position"] = Json::array();
  for (const metrics::PositionLoss& range : arm.context.by_position) {
    json["by_position"].push_back(util::fields_to_json(range));
  }
  return json;
}

Json ranking_json(const Analysis& analysis) {
  Json json = Json::array();
  for (const Comparison* comparison : ranked(analysis)) json.push_back(comparison->arm);
  return json;
}

Json grid_json(const RateGrid& grid) {
  Json json;
  json["arm"] = grid.arm;
  json["best"] = number(grid.best);
  json["at_edge"] = grid.at_edge;
  json["points"] = Json::array();
  for (const RatePoint& point : grid.points) {
    Json one;
    one["learning_rate"] = point.learning_rate;
    one["loss_half_a"] = number(point.loss);
    json["points"].push_back(std::move(one));
  }
  return json;
}

// RFC 4180; a text that a spreadsheet would take for a formula gets a quote mark in front.
std::string csv_text(const std::string& text) {
  const bool formula =
      !text.empty() && std::string_view("=+-@\t").find(text.front()) != std::string_view::npos;
  std::string quoted = "\"";
  if (formula) quoted += '\'';
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string csv_number(double value) { return util::format_double(value); }
std::string csv_number(const std::optional<double>& value) {
  return value ? csv_number(*value) : "";
}

std::string csv_line(const std::vector<std::string>& cells) {
  return util::join(cells, ",") + "\n";
}

std::vector<std::string> run_cells(const Run& run) {
  return {csv_text(run.entry.arm), std::to_string(run.entry.seed),
          csv_number(run.entry.learning_rate), csv_number(run.entry.budget),
          std::string(name(kRoleNames, run.entry.role))};
}

std::vector<std::string> point_cells(const Run& run, const metrics::ValidationRecord& point) {
  const double per_position = run.records.header.flops_per_position;
  return {std::to_string(point.step),
          std::to_string(point.positions),
          std::to_string(point.raw_tokens),
          csv_number(static_cast<double>(point.positions) * per_position),
          csv_number(point.seconds),
          csv_number(point.loss),
          csv_number(point.loss_half_a),
          csv_number(point.loss_half_b),
          csv_number(point.bits_per_byte),
          csv_number(point.perplexity),
          point.scored ? std::to_string(point.scored->tokens) : "",
          point.scored ? std::to_string(point.scored->documents) : ""};
}

const std::vector<std::string> kRunColumns = {"arm", "seed", "learning_rate", "budget", "role"};
const std::vector<std::string> kPointColumns = {"step",        "positions",     "raw_tokens",
                                                "flops",       "seconds",       "loss",
                                                "loss_half_a", "loss_half_b",   "bits_per_byte",
                                                "perplexity",  "scored_tokens", "scored_documents"};

// The columns of the validation sets, where there is more than the primary one; their names are
// those that metrics.csv is read with.
std::vector<std::string> set_columns(const Analysis& analysis) {
  std::vector<std::string> columns;
  if (analysis.sets.size() < 2) return columns;
  for (const SetSummary& set : analysis.sets) {
    for (const char* what :
         {"loss/", "loss_half_a/", "loss_half_b/", "perplexity/", "bits_per_byte/"}) {
      columns.push_back(what + set.name);
    }
  }
  return columns;
}

std::vector<std::string> set_cells(const Analysis& analysis,
                                   const metrics::ValidationRecord& point) {
  std::vector<std::string> cells;
  if (analysis.sets.size() < 2) return cells;
  for (const SetSummary& set : analysis.sets) {
    const metrics::SetScore* score = find_set(point, set.name);
    const bool known = score != nullptr;
    cells.push_back(known ? csv_number(score->loss) : "");
    cells.push_back(known ? csv_number(score->loss_half_a) : "");
    cells.push_back(known ? csv_number(score->loss_half_b) : "");
    cells.push_back(known ? csv_number(score->perplexity) : "");
    cells.push_back(known ? csv_number(score->bits_per_byte) : "");
  }
  return cells;
}

std::vector<std::string> joined(std::vector<std::string> first,
                                const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

std::string report_json(const Analysis& analysis) {
  const Words words = put_in_words(analysis);
  Json json;
  json["schema"] = kReportSchema;
  json["title"] = analysis.experiment.title;
  json["headline"] = words.headline;
  json["opening"] = words.opening;
  json["words"] = words.sentences;
  json["warnings"] = analysis.warnings;
  json["notes"] = analysis.notes;
  json["baseline"] = analysis.experiment.baseline;
  json["quoted_loss"] = name(kQuoted, analysis.quoted);
  json["measured"] = measured_json(analysis.measured);
  json["learning_rates_searched"] = !analysis.rate_grids.empty();
  json["comparisons"] = Json::array();
  for (const Comparison& comparison : analysis.comparisons) {
    Json one = comparison_json(comparison);
    if (!analysis.has_budgets) {
      for (const char* key :
           {"speed_up", "speed_up_time", "speed_up_secondary", "speed_up_secondary_time"}) {
        one.erase(key);
      }
    }
    json["comparisons"].push_back(std::move(one));
  }
  json["arms"] = Json::array();
  for (const ArmSummary& arm : analysis.arms) json["arms"].push_back(arm_json(arm));
  json["ranking"] = ranking_json(analysis);
  if (!analysis.experiment.grid.empty()) {
    json["grid"] = util::fields_to_json(analysis.experiment.grid);
  }
  json["sets"] = Json::array();
  for (const SetSummary& set : analysis.sets) json["sets"].push_back(set_json(set));
  json["tasks"] = Json::array();
  for (const TaskSummary& task : analysis.tasks) json["tasks"].push_back(task_json(task));
  json["rate_grids"] = Json::array();
  for (const RateGrid& grid : analysis.rate_grids) json["rate_grids"].push_back(grid_json(grid));
  json["runs"] = Json::array();
  for (const Run& run : analysis.runs) json["runs"].push_back(run_json(run));
  json["recipe_fingerprint"] = analysis.experiment.recipe_fingerprint;
  json["commands"] = analysis.experiment.commands;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string results_csv(const Analysis& analysis) {
  const std::vector<std::string> columns = joined(kPointColumns, set_columns(analysis));
  std::string csv = csv_line(joined(joined(kRunColumns, {"finished", "epochs"}), columns));
  for (const Run& run : analysis.runs) {
    if (run.records.validations.empty()) continue;
    const std::vector<std::string> extra = {run.finished ? "1" : "0", csv_number(run.epochs)};
    const metrics::ValidationRecord& last = run.records.validations.back();
    const std::vector<std::string> point =
        joined(point_cells(run, last), set_cells(analysis, last));
    csv += csv_line(joined(joined(run_cells(run), extra), point));
  }
  return csv;
}

std::string curves_csv(const Analysis& analysis) {
  std::string csv = csv_line(joined(joined(kRunColumns, kPointColumns), set_columns(analysis)));
  for (const Run& run : analysis.runs) {
    for (const metrics::ValidationRecord& point : run.records.validations) {
      csv += csv_line(
          joined(joined(run_cells(run), point_cells(run, point)), set_cells(analysis, point)));
    }
  }
  return csv;
}

}  // namespace superpose::report
