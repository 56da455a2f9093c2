#include "report/export.h"

#include <array>
#include <string_view>

#include "report/load.h"
#include "report/sets.h"
#include "report/words/ranking.h"
#include "report/words/verdict.h"
#include "report/words/words.h"
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

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

// What `as_json` makes of each.
template <class T, class AsJson>
Json list(const std::vector<T>& values, const AsJson& as_json) {
  Json json = Json::array();
  for (const T& value : values) json.push_back(as_json(value));
  return json;
}

Json interval_json(const Interval& interval) {
  return {{"seeds", interval.count},
          {"mean", interval.mean},
          {"low", or_null(interval.low)},
          {"high", or_null(interval.high)}};
}

Json gain_over_baseline(const std::optional<Interval>& gain) {
  return gain ? interval_json(*gain) : Json();
}

Json spread_json(const std::optional<Spread>& spread) {
  if (!spread) return {};
  return {{"seeds", spread->count}, {"deviation", spread->deviation}, {"upper", spread->upper}};
}

Json documents_json(const DocumentError& error) {
  Json json = {{"low", or_null(error.low)}, {"high", or_null(error.high)}, {"count", error.count}};
  if (!error.low) json["why_not"] = error.why_not;
  return json;
}

Json seed_gain_json(const SeedGain& seed) {
  return {{"seed", seed.seed},
          {"baseline_loss", seed.baseline_loss},
          {"arm_loss", seed.arm_loss},
          {"gain", seed.gain},
          {"baseline_flops", seed.baseline_flops},
          {"arm_flops", seed.arm_flops},
          {"baseline_raw_tokens", seed.baseline_tokens},
          {"arm_raw_tokens", seed.arm_tokens},
          {"match", name(kMatches, seed.match)}};
}

// Of an outcome that is not available.
Json missing_json(const std::string& why_not) {
  return {{"available", false}, {"why_not", why_not}};
}

Json gain_json(const GainOutcome& outcome) {
  if (!outcome.available) return missing_json(outcome.why_not);
  Json json = {{"available", true},
               {"gain", interval_json(outcome.interval)},
               {"interval_source", name(kSources, outcome.source)}};
  if (outcome.source == IntervalSource::kNoiseFigure) {
    json["noise"] = util::fields_to_json(outcome.noise);
  }
  json["spread"] = spread_json(outcome.spread);
  json["per_seed"] = list(outcome.seeds, seed_gain_json);
  return json;
}

Json seed_speed_up_json(const SeedSpeedUp& seed) {
  return {{"seed", seed.seed},
          {"target_loss", seed.target_loss},
          {"factor", seed.factor},
          {"bound", name(kBounds, seed.bound)},
          {"baseline_cost", seed.baseline_cost},
          {"arm_cost", seed.arm_cost}};
}

Json speed_up_json(const SpeedUpOutcome& outcome) {
  if (!outcome.available) return missing_json(outcome.why_not);
  return {{"available", true},
          {"determined", outcome.determined},
          {"bound", name(kBounds, outcome.bound)},
          {"factor", interval_json(outcome.interval)},
          {"per_seed", list(outcome.seeds, seed_speed_up_json)}};
}

Json crossing_json(const Crossing& crossing) {
  return {{"seed", crossing.seed},
          {"switch_step", crossing.switch_step},
          {"first_ahead_step", or_null(crossing.first_ahead)},
          {"stays_ahead", crossing.stays}};
}

// Speed-ups only where there are runs at several budgets.
Json comparison_json(const Comparison& comparison, bool has_budgets) {
  Json json = {{"arm", comparison.arm},
               {"verdict", name(kVerdicts, verdict_of(comparison.equal_flops))},
               {"flops_per_position_ratio", comparison.flops_ratio},
               {"equal_flops", gain_json(comparison.equal_flops)}};
  json["equal_flops"]["documents"] = documents_json(comparison.equal_flops.documents);
  if (!comparison.noise_block.empty()) json["noise_block"] = comparison.noise_block;
  json["equal_raw_tokens"] = gain_json(comparison.equal_raw_tokens);
  if (has_budgets) {
    json["speed_up"] = speed_up_json(comparison.speed_up);
    json["speed_up_time"] = speed_up_json(comparison.speed_up_time);
    json["speed_up_secondary"] = speed_up_json(comparison.speed_up_secondary);
    json["speed_up_secondary_time"] = speed_up_json(comparison.speed_up_secondary_time);
  }
  json["crossings"] = list(comparison.crossings, crossing_json);
  return json;
}

Json score_json(const metrics::SetScore& set) {
  return {{"name", set.name},
          {"loss", set.loss},
          {"loss_half_a", or_null(set.loss_half_a)},
          {"loss_half_b", or_null(set.loss_half_b)},
          {"perplexity", set.perplexity},
          {"bits_per_byte", or_null(set.bits_per_byte)}};
}

Json run_json(const Run& run) {
  Json json = {{"arm", run.entry.arm},
               {"seed", run.entry.seed},
               {"learning_rate", run.entry.learning_rate},
               {"budget", run.entry.budget},
               {"role", name(kRoleNames, run.entry.role)},
               {"finished", run.finished},
               {"flops", run.flops},
               {"raw_tokens", run.raw_tokens},
               {"epochs", run.epochs},
               {"seconds", run.seconds}};
  if (!run.records.validations.empty()) {
    const metrics::ValidationRecord& last = run.records.validations.back();
    json.update({{"step", last.step},
                 {"positions", last.positions},
                 {"loss", last.loss},
                 {"loss_half_a", or_null(last.loss_half_a)},
                 {"loss_half_b", or_null(last.loss_half_b)},
                 {"bits_per_byte", or_null(last.bits_per_byte)},
                 {"perplexity", last.perplexity},
                 {"sets", list(last.sets, score_json)}});
  }
  json["folder"] = run.entry.folder;
  return json;
}

Json measured_json(const std::optional<Measured>& measured) {
  if (!measured) return {};
  return {{"least", util::fields_to_json(measured->least)},
          {"most", util::fields_to_json(measured->most)}};
}

Json set_json(const SetSummary& set) {
  const auto arm_score = [](const ArmScore& arm) -> Json {
    return {{"arm", arm.arm},
            {"seeds", arm.seeds},
            {"loss", arm.loss},
            {"perplexity", arm.perplexity},
            {"bits_per_byte", or_null(arm.bits_per_byte)},
            {"gain", gain_over_baseline(arm.gain)}};
  };
  return {{"name", set.name},
          {"measured", measured_json(set.measured)},
          {"arms", list(set.arms, arm_score)}};
}

Json task_score_json(const TaskScoreSummary& score) {
  const auto arm_score = [](const ArmTaskScore& arm) -> Json {
    return {{"arm", arm.arm},
            {"seeds", arm.seeds},
            {"value", arm.value},
            {"error", or_null(arm.error)},
            {"gain", gain_over_baseline(arm.gain)}};
  };
  return {{"name", score.name},
          {"chance", or_null(score.chance)},
          {"arms", list(score.arms, arm_score)}};
}

Json task_json(const TaskSummary& task) {
  return {{"name", task.name},
          {"items", task.items},
          {"fingerprint", task.fingerprint},
          {"scores", list(task.scores, task_score_json)}};
}

Json copying_json(const SeedCopying& seed) {
  Json json = {{"seed", seed.seed},
               {"from_step", or_null(seed.from_step)},
               {"last_step", seed.last.step},
               {"last", seed.last.copying}};
  if (seed.before_decay) {
    json["before_decay_step"] = seed.before_decay->step;
    json["before_decay"] = seed.before_decay->copying;
  }
  return json;
}

Json arm_json(const ArmSummary& arm) {
  return {
      {"arm", arm.name},
      {"seeds", arm.seeds},
      {"loss", or_null(arm.mean_loss)},
      {"spread", spread_json(arm.spread)},
      {"copying", list(arm.context.seeds, copying_json)},
      {"by_position", list(arm.context.by_position, util::fields_to_json<metrics::PositionLoss>)}};
}

Json ranking_json(const Analysis& analysis) {
  return list(ranked(analysis), [](const Comparison* comparison) { return comparison->arm; });
}

Json grid_json(const RateGrid& grid) {
  const auto point_json = [](const RatePoint& point) -> Json {
    return {{"learning_rate", point.learning_rate}, {"loss_half_a", or_null(point.loss)}};
  };
  return {{"arm", grid.arm},
          {"best", or_null(grid.best)},
          {"at_edge", grid.at_edge},
          {"points", list(grid.points, point_json)}};
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
  const Experiment& experiment = analysis.experiment;
  Json json = {{"schema", kReportSchema},
               {"title", experiment.title},
               {"headline", words.headline},
               {"opening", words.opening},
               {"words", words.sentences},
               {"warnings", analysis.warnings},
               {"notes", analysis.notes},
               {"baseline", experiment.baseline},
               {"quoted_loss", name(kQuoted, analysis.quoted)},
               {"measured", measured_json(analysis.measured)},
               {"learning_rates_searched", !analysis.rate_grids.empty()},
               {"comparisons", list(analysis.comparisons,
                                    [&](const Comparison& comparison) {
                                      return comparison_json(comparison, analysis.has_budgets);
                                    })},
               {"arms", list(analysis.arms, arm_json)},
               {"ranking", ranking_json(analysis)}};
  if (!experiment.grid.empty()) json["grid"] = util::fields_to_json(experiment.grid);
  json.update({{"sets", list(analysis.sets, set_json)},
               {"tasks", list(analysis.tasks, task_json)},
               {"rate_grids", list(analysis.rate_grids, grid_json)},
               {"runs", list(analysis.runs, run_json)},
               {"recipe_fingerprint", experiment.recipe_fingerprint},
               {"commands", experiment.commands}});
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
