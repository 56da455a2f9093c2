#include "report/page/plot_data.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "report/load.h"
#include "report/page/step_curves.h"
#include "report/sets.h"
#include "report/task_scores.h"
#include "report/words/ranking.h"
#include "report/words/run_words.h"
#include "report/words/text.h"
#include "report/words/verdict.h"

namespace superpose::report {
namespace {

using util::Json;

// The quoted loss, so that a curve ends where the outcomes say; null where a point lacks it.
Json validation_curve(const Run& run, QuotedLoss quoted) {
  Json curve;
  for (const char* name : {"step", "positions", "raw_tokens", "seconds", "loss"}) {
    curve[name] = Json::array();
  }
  for (const metrics::ValidationRecord& point : run.records.validations) {
    const std::optional<double> loss = find_quoted_loss(point, quoted);
    curve["step"].push_back(point.step);
    curve["positions"].push_back(point.positions);
    curve["raw_tokens"].push_back(point.raw_tokens);
    curve["seconds"].push_back(point.seconds);
    curve["loss"].push_back(loss ? Json(*loss) : Json());
  }
  return curve;
}

// The probe of copying at the points of validation_curve.
Json copying_curve(const Run& run) {
  Json copying = Json::array();
  for (const metrics::ValidationRecord& point : run.records.validations) {
    copying.push_back(point.copying ? Json(*point.copying) : Json());
  }
  return copying;
}

bool is_drawn(const std::vector<std::string>& drawn, const std::string& arm) {
  return std::find(drawn.begin(), drawn.end(), arm) != drawn.end();
}

// The loss on each validation set at the points of validation_curve.
Json set_curves(const Analysis& analysis, const Run& run) {
  Json curves = Json::array();
  for (const SetSummary& set : analysis.sets) {
    Json losses = Json::array();
    for (const metrics::ValidationRecord& point : run.records.validations) {
      const metrics::SetScore* score = find_set(point, set.name);
      losses.push_back(score != nullptr ? Json(score->loss) : Json());
    }
    curves.push_back(std::move(losses));
  }
  return curves;
}

Json names_of_sets(const Analysis& analysis) {
  Json names = Json::array();
  for (const SetSummary& set : analysis.sets) names.push_back(set.name);
  return names;
}

// The switch in each of the clocks, read off the records: the last validation or step at or before
// it.
Json switch_marks(const Run& run) {
  const std::int64_t step = switch_step_of(run.records.header);
  if (step == 0) return nullptr;
  Json marks;
  const auto take = [&](const auto& records) {
    for (const auto& record : records) {
      if (record.step > step || (marks.contains("step") && record.step < marks["step"])) continue;
      marks["step"] = record.step;
      marks["positions"] = record.positions;
      marks["raw_tokens"] = record.raw_tokens;
      marks["seconds"] = record.seconds;
    }
  };
  take(run.records.steps);
  take(run.records.validations);
  return marks;
}

// The scores of each task of a run, by name, with the clocks at which they were taken.
Json task_curves(const Analysis& analysis, const Run& run) {
  Json curves = Json::array();
  for (const TaskSummary& task : analysis.tasks) {
    Json curve;
    for (const char* name : {"step", "positions", "raw_tokens", "seconds"}) {
      curve[name] = Json::array();
    }
    for (const TaskScoreSummary& score : task.scores) curve["scores"][score.name] = Json::array();
    for (const metrics::TaskRecord* record : records_of_task(run, task)) {
      curve["step"].push_back(record->step);
      curve["positions"].push_back(record->positions);
      curve["raw_tokens"].push_back(record->raw_tokens);
      curve["seconds"].push_back(record->seconds);
      for (const TaskScoreSummary& score : task.scores) {
        const double* value = metrics::find_number(record->scores, score.name);
        curve["scores"][score.name].push_back(value == nullptr ? Json() : Json(*value));
      }
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

// What the buttons of the tasks' plot offer: the primary score first.
Json tasks_json(const Analysis& analysis) {
  Json tasks = Json::array();
  for (const TaskSummary& task : analysis.tasks) {
    Json json;
    json["name"] = task.name;
    json["scores"] = Json::array();
    for (const TaskScoreSummary& score : task.scores) {
      Json one;
      one["name"] = score.name;
      one["words"] = score_words(score.name);
      one["chance"] = score.chance ? Json(*score.chance) : Json();
      json["scores"].push_back(std::move(one));
    }
    tasks.push_back(std::move(json));
  }
  return tasks;
}

Json runs_json(const Analysis& analysis) {
  Json runs = Json::array();
  const std::vector<std::string> drawn = drawn_arms(analysis);
  for (const Run& run : analysis.runs) {
    if (!has_curve(run) || !is_drawn(drawn, run.entry.arm)) continue;
    Json json;
    json["arm"] = run.entry.arm;
    json["seed"] = run.entry.seed;
    const std::string name =
        only_run(analysis) == nullptr ? run.label() : analysis.experiment.title;
    json["label"] = name + (run.finished ? "" : " (running)");
    json["switch"] = switch_marks(run);
    json["validation"] = validation_curve(run, analysis.quoted);
    json["copying"] = copying_curve(run);
    json["sets"] = set_curves(analysis, run);
    json["tasks"] = task_curves(analysis, run);
    json["steps"] = step_curves(run);
    runs.push_back(std::move(json));
  }
  return runs;
}

Json gaps_json(const Analysis& analysis) {
  Json gaps = Json::array();
  const std::vector<std::string> drawn = drawn_arms(analysis);
  for (const Comparison& comparison : analysis.comparisons) {
    if (!is_drawn(drawn, comparison.arm)) continue;
    for (std::size_t i = 0; i < comparison.gaps.size(); ++i) {
      Json json;
      json["arm"] = comparison.arm;
      json["seed"] = comparison.gaps[i].first;
      json["switch_step"] = comparison.crossings[i].switch_step;
      for (const char* name : {"step", "positions", "gap"}) json[name] = Json::array();
      for (const GapPoint& point : comparison.gaps[i].second) {
        json["step"].push_back(point.step);
        json["positions"].push_back(point.positions);
        json["gap"].push_back(point.gap);
      }
      gaps.push_back(std::move(json));
    }
  }
  return gaps;
}

Json rates_json(const Analysis& analysis) {
  Json rates = Json::array();
  const std::vector<std::string> drawn = drawn_arms(analysis);
  for (const RateGrid& grid : analysis.rate_grids) {
    if (!is_drawn(drawn, grid.arm)) continue;
    Json json;
    json["arm"] = grid.arm;
    json["best"] = grid.best ? Json(*grid.best) : Json();
    json["rate"] = Json::array();
    json["loss"] = Json::array();
    for (const RatePoint& point : grid.points) {
      json["rate"].push_back(point.learning_rate);
      json["loss"].push_back(point.loss ? Json(*point.loss) : Json());
    }
    rates.push_back(std::move(json));
  }
  return rates;
}

Json budgets_json(const Analysis& analysis) {
  Json curves = Json::array();
  if (!analysis.has_budgets) return curves;
  for (const std::string& arm : drawn_arms(analysis)) {
    std::vector<std::int64_t> seeds;
    for (const Run& run : analysis.runs) {
      if (run.entry.arm == arm && is_result(run.entry.role) && run.finished)
        seeds.push_back(run.entry.seed);
    }
    std::sort(seeds.begin(), seeds.end());
    seeds.erase(std::unique(seeds.begin(), seeds.end()), seeds.end());
    for (const std::int64_t seed : seeds) {
      std::vector<const Run*> runs;
      for (const Run& run : analysis.runs) {
        const bool mine = run.entry.arm == arm && run.entry.seed == seed;
        if (mine && is_result(run.entry.role) && run.finished) runs.push_back(&run);
      }
      std::sort(runs.begin(), runs.end(),
                [](const Run* a, const Run* b) { return a->flops < b->flops; });
      Json json;
      json["arm"] = arm;
      json["seed"] = seed;
      for (const char* name : {"flops", "loss", "budget"}) json[name] = Json::array();
      for (const Run* run : runs) {
        json["flops"].push_back(run->flops);
        json["loss"].push_back(run->final_loss);
        json["budget"].push_back(run->entry.budget);
      }
      curves.push_back(std::move(json));
    }
  }
  return curves;
}

double geometric_mean(const SpeedUpOutcome& outcome, double SeedSpeedUp::*cost) {
  double sum = 0;
  for (const SeedSpeedUp& seed : outcome.seeds) sum += std::log(seed.*cost);
  return std::exp(sum / static_cast<double>(outcome.seeds.size()));
}

// From the baseline's cost to the arm's at the same loss: of each arm where they are few, else of
// the best.
Json arrows_json(const Analysis& analysis) {
  Json arrows = Json::array();
  const Best best = best_comparison(analysis);
  for (const Comparison& comparison : analysis.comparisons) {
    const ToldSpeedUp told = told_speed_up(comparison);
    const bool shown = &comparison == best.comparison || !has_many_arms(analysis);
    if (!shown || told.flops == nullptr) continue;
    if (!told.flops->determined || told.flops->bound != Bound::kExact) continue;
    double loss = 0;
    for (const SeedSpeedUp& seed : told.flops->seeds) {
      loss += seed.target_loss / static_cast<double>(told.flops->seeds.size());
    }
    Json json;
    json["arm"] = comparison.arm;
    json["loss"] = loss;
    json["from"] = geometric_mean(*told.flops, &SeedSpeedUp::baseline_cost);
    json["to"] = geometric_mean(*told.flops, &SeedSpeedUp::arm_cost);
    json["text"] = speed_up_figure(*told.flops) + speed_up_meaning(*told.flops);
    arrows.push_back(std::move(json));
  }
  return arrows;
}

// Mean final loss by position in the window.
Json positions_json(const Analysis& analysis) {
  Json curves = Json::array();
  for (const std::string& name : drawn_arms(analysis)) {
    const ArmSummary& arm = *analysis.find_arm(name);
    if (arm.context.by_position.empty()) continue;
    Json json;
    json["arm"] = only_run(analysis) == nullptr ? arm.name : analysis.experiment.title;
    for (const char* field : {"first", "end", "loss"}) json[field] = Json::array();
    for (const metrics::PositionLoss& range : arm.context.by_position) {
      json["first"].push_back(range.first);
      json["end"].push_back(range.end);
      json["loss"].push_back(range.loss);
    }
    curves.push_back(std::move(json));
  }
  return curves;
}

}  // namespace

bool has_curve(const Run& run) {
  const bool has_records = !run.records.validations.empty() || !run.records.steps.empty();
  return is_result(run.entry.role) && run.entry.budget == 1 && has_records;
}

bool has_router(const Run& run) {
  return std::any_of(run.records.steps.begin(), run.records.steps.end(), [](const auto& step) {
    return std::any_of(step.scalars.begin(), step.scalars.end(),
                       [](const auto& scalar) { return scalar.first == "router/max_load"; });
  });
}

Json plot_data(const Analysis& analysis) {
  Json data;
  data["baseline"] = analysis.experiment.baseline;
  data["arms"] = drawn_arms(analysis);
  data["is_one_run"] = only_run(analysis) != nullptr;
  data["half"] = analysis.quoted == QuotedLoss::kWhole ? "" : ", half B";
  data["sets"] = names_of_sets(analysis);
  data["tasks"] = tasks_json(analysis);
  data["runs"] = runs_json(analysis);
  data["gaps"] = gaps_json(analysis);
  data["rates"] = rates_json(analysis);
  data["budgets"] = budgets_json(analysis);
  data["copies"] = kCopies;
  data["arrows"] = arrows_json(analysis);
  data["positions"] = positions_json(analysis);
  return data;
}

}  // namespace superpose::report
