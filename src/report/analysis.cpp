#include "report/analysis.h"

#include <algorithm>
#include <set>
#include <utility>

#include "report/context.h"
#include "report/documents.h"
#include "report/load.h"
#include "report/noise.h"
#include "report/outcomes.h"
#include "report/report.h"
#include "report/sets.h"
#include "report/task_scores.h"
#include "util/error.h"
#include "util/text.h"

namespace superpose::report {
namespace {

RateGrid rate_grid(const Analysis& analysis, const std::string& arm) {
  RateGrid grid;
  grid.arm = arm;
  for (const RunEntry& entry : analysis.experiment.runs) {
    if (entry.arm != arm || entry.role != Role::kTuning) continue;
    RatePoint point;
    point.learning_rate = entry.learning_rate;
    for (const Run& run : analysis.runs) {
      const bool same = run.entry.folder == entry.folder && run.finished;
      if (same) point.loss = run.tuning_loss;
    }
    grid.points.push_back(point);
  }
  std::sort(grid.points.begin(), grid.points.end(), [](const RatePoint& a, const RatePoint& b) {
    return a.learning_rate < b.learning_rate;
  });
  const RatePoint* best = nullptr;
  for (const RatePoint& point : grid.points) {
    if (point.loss && (best == nullptr || *point.loss < *best->loss)) best = &point;
  }
  if (best == nullptr) return grid;
  grid.best = best->learning_rate;
  grid.at_edge = best == &grid.points.front() || best == &grid.points.back();
  return grid;
}

// A result at another rate than the grid's best is not what the report says it is.
void warn_of_other_rates(Analysis& analysis, const RateGrid& grid) {
  for (const Run& run : analysis.runs) {
    if (!is_result(run.entry.role) || run.entry.arm != grid.arm || !grid.best) continue;
    if (run.entry.learning_rate == *grid.best) continue;
    analysis.warnings.push_back("The results of " + grid.arm + " used the learning rate " +
                                util::format_double(run.entry.learning_rate) +
                                ", not the best of its grid, " + util::format_double(*grid.best) +
                                ".");
    return;
  }
}

void add_rate_grids(Analysis& analysis) {
  for (const std::string& arm : analysis.experiment.arms) {
    RateGrid grid = rate_grid(analysis, arm);
    if (grid.points.empty()) continue;
    if (grid.at_edge) {
      analysis.warnings.push_back("The best learning rate of " + arm + ", " +
                                  util::format_double(*grid.best) +
                                  ", lies at the edge of its grid: a better one may lie outside.");
    }
    warn_of_other_rates(analysis, grid);
    analysis.rate_grids.push_back(std::move(grid));
  }
}

ArmSummary summarize(const Analysis& analysis, const std::string& arm) {
  ArmSummary summary;
  summary.name = arm;
  for (const Run& run : analysis.runs) {
    if (run.entry.arm != arm || !is_superposed(run.records.header)) continue;
    summary.superposed = true;
  }
  const std::vector<const Run*> runs = analysis.results(arm, 1);
  const auto n = static_cast<double>(runs.size());
  std::vector<double> losses;
  double bits = 0;
  bool has_bits = !runs.empty();
  bool has_epochs = !runs.empty();
  for (const Run* run : runs) {
    summary.mean_loss = summary.mean_loss.value_or(0) + run->final_loss / n;
    losses.push_back(run->final_loss);
    const std::optional<double>& own_bits = run->records.validations.back().bits_per_byte;
    has_bits = has_bits && own_bits;
    bits += own_bits.value_or(0) / n;
    summary.raw_tokens += static_cast<double>(run->raw_tokens) / n;
    has_epochs = has_epochs && run->epochs > 0;
    summary.epochs += run->epochs / n;
  }
  summary.seeds = std::ssize(runs);
  summary.spread = spread_of(losses);
  summary.context = context_use(analysis, arm);
  if (has_bits) summary.mean_bits_per_byte = bits;
  if (!has_epochs) summary.epochs = 0;
  return summary;
}

double flops_ratio(const Analysis& analysis, const std::string& arm) {
  const auto per_position = [&](const std::string& name) {
    for (const Run& run : analysis.runs) {
      if (run.entry.arm == name) return run.records.header.flops_per_position;
    }
    return 0.0;
  };
  const double base = per_position(analysis.experiment.baseline);
  const double own = per_position(arm);
  return base > 0 && own > 0 ? own / base : 1;
}

Comparison compare(const Analysis& analysis, const std::string& arm) {
  Comparison comparison;
  comparison.arm = arm;
  comparison.flops_ratio = flops_ratio(analysis, arm);
  GainOutcome& gain = comparison.equal_flops;
  gain = equal_flops_outcome(analysis, arm);
  use_noise_figure(analysis.experiment, arm, gain);
  gain.documents = document_error(analysis, arm, gain);
  comparison.noise_block = noise_block(analysis, arm, gain);
  comparison.equal_raw_tokens = equal_raw_tokens_outcome(analysis, arm);
  comparison.speed_up = speed_up_outcome(analysis, arm, CostAxis::kFlops);
  comparison.speed_up_time = speed_up_outcome(analysis, arm, CostAxis::kSeconds);
  comparison.speed_up_secondary = secondary_speed_up_outcome(analysis, arm, CostAxis::kFlops);
  comparison.speed_up_secondary_time =
      secondary_speed_up_outcome(analysis, arm, CostAxis::kSeconds);
  add_gaps(analysis, comparison);
  return comparison;
}

bool any_budgets(const Experiment& experiment) {
  std::set<std::pair<std::string, double>> budgets;
  std::set<std::string> arms;
  for (const RunEntry& run : experiment.runs) {
    if (!is_result(run.role)) continue;
    budgets.emplace(run.arm, run.budget);
    arms.insert(run.arm);
  }
  return budgets.size() > arms.size();
}

void note_unpaired_seeds(Analysis& analysis) {
  std::set<std::int64_t> all;
  for (const std::string& arm : analysis.experiment.arms) {
    for (const Run* run : analysis.results(arm, 1)) all.insert(run->entry.seed);
  }
  for (const std::string& arm : analysis.experiment.arms) {
    std::set<std::int64_t> missing = all;
    for (const Run* run : analysis.results(arm, 1)) missing.erase(run->entry.seed);
    for (const std::int64_t seed : missing) {
      const bool all_pairs = arm == analysis.experiment.baseline;
      analysis.notes.push_back("Seed " + std::to_string(seed) + " has no finished run of " + arm +
                               ", so it takes no part in the paired differences" +
                               (all_pairs ? "." : " of " + arm + "."));
    }
  }
}

}  // namespace

std::vector<const Run*> Analysis::results(const std::string& arm, double budget) const {
  std::vector<const Run*> found;
  for (const Run& run : runs) {
    const bool tuned_on = experiment.tuning_seed && run.entry.seed == *experiment.tuning_seed;
    if (is_result(run.entry.role) && run.finished && !tuned_on && run.entry.arm == arm &&
        run.entry.budget == budget) {
      found.push_back(&run);
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Run* a, const Run* b) { return a->entry.seed < b->entry.seed; });
  return found;
}

const ArmSummary* Analysis::find_arm(const std::string& name) const {
  const auto found = std::find_if(arms.begin(), arms.end(),
                                  [&](const ArmSummary& arm) { return arm.name == name; });
  return found == arms.end() ? nullptr : &*found;
}

Analysis analyze(const Experiment& experiment) {
  const std::vector<std::string>& arms = experiment.arms;
  util::require(std::find(arms.begin(), arms.end(), experiment.baseline) != arms.end(),
                "report: the baseline must be one of the arms, got \"", experiment.baseline,
                "\" and ", util::join(arms, ", "));
  Analysis analysis;
  analysis.experiment = experiment;
  analysis.quoted = experiment.tuning_seed ? QuotedLoss::kHalfB : QuotedLoss::kWhole;
  analysis.has_budgets = any_budgets(experiment);
  analysis.notes = experiment.notes;
  analysis.runs = load_runs(experiment, analysis.quoted, analysis.notes);
  add_rate_grids(analysis);
  note_unpaired_seeds(analysis);
  for (const std::string& arm : experiment.arms) {
    analysis.arms.push_back(summarize(analysis, arm));
    if (arm != experiment.baseline) analysis.comparisons.push_back(compare(analysis, arm));
  }
  const std::string warning = late_warning(analysis.arms);
  if (!warning.empty()) analysis.warnings.push_back(warning);
  analysis.sets = summarize_sets(analysis);
  analysis.tasks = summarize_tasks(analysis);
  note_other_questions(analysis);
  analysis.measured = quoted_text(analysis);
  return analysis;
}

}  // namespace superpose::report
