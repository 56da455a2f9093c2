#include "report/page/plots.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "report/load.h"
#include "report/page/plot_data.h"
#include "report/words/curve_words.h"
#include "report/words/ranking.h"
#include "report/words/run_words.h"

namespace superpose::report {
namespace {

constexpr const char* kClockWords = "positions, raw tokens";  // buttons

}  // namespace

std::string switch_words(const Analysis& analysis) {
  const bool has_switch = std::any_of(
      analysis.runs.begin(), analysis.runs.end(),
      [](const Run& run) { return has_curve(run) && switch_step_of(run.records.header) > 0; });
  return has_switch ? " Dotted: the switch." : "";
}

Section budget_plot(const Analysis& analysis) {
  if (!analysis.has_budgets) return {};
  return {
      "budgets", "Final loss against compute", "",
      figure("plot-budgets",
             "Each point is a finished run, each line an arm's budgets of one seed. The "
             "arrow leads from what " +
                 analysis.experiment.baseline +
                 " needs for a loss to what the arm needs for the same one: to the left "
                 "is less compute. Costs are interpolated between points, never extrapolated.")};
}

Section gap_plot(const Analysis& analysis) {
  const bool has_gaps =
      std::any_of(analysis.comparisons.begin(), analysis.comparisons.end(),
                  [](const Comparison& comparison) { return !comparison.gaps.empty(); });
  if (!has_gaps) return {};
  return {
      "gap", "Gap to the baseline over time", "",
      figure("plot-gap",
             "Baseline's loss minus the arm's at the same compute: above zero the arm is ahead. "
             "The gap counts at the end of a run; on the way there it only shows the recovery.")};
}

Section rate_plot(const Analysis& analysis) {
  if (analysis.rate_grids.empty()) return {};
  return {"rates", "Learning rates", "",
          figure("plot-rates",
                 "Final loss on half A of the held-out documents against the peak learning rate, "
                 "tuning seed. Ringed: the best of each arm.")};
}

Section context_plots(const Analysis& analysis) {
  std::string body;
  const auto has_probe = [](const ArmSummary& arm) { return !arm.context.seeds.empty(); };
  if (std::any_of(analysis.arms.begin(), analysis.arms.end(), has_probe)) {
    body +=
        figure("plot-copying",
               "The probe of copying: loss on the second of two equal random halves minus loss "
               "on the first. Below the dashed line, at -0.5, a model copies from its context." +
                   switch_words(analysis));
  }
  const std::string over = only_run(analysis) == nullptr ? ", mean over seeds" : "";
  const auto has_positions = [](const ArmSummary& arm) { return !arm.context.by_position.empty(); };
  if (std::any_of(analysis.arms.begin(), analysis.arms.end(), has_positions)) {
    body += figure("plot-positions", "Final loss by position in the window" + over +
                                         ". A model that uses its "
                                         "context gets better from left to right.");
  }
  return {"context", "Use of the context", "", body, kClockWords};
}

Section loss_plot(const Analysis& analysis) {
  const std::vector<std::string> drawn = drawn_arms(analysis);
  std::string hint;
  if (drawn.size() < analysis.experiment.arms.size()) {
    hint = "Curves are of " + drawn.front() + " and of the " + std::to_string(drawn.size() - 1) +
           " arms with the largest gain, here and below.";
  }
  const bool has_points = std::any_of(
      analysis.runs.begin(), analysis.runs.end(),
      [](const Run& run) { return has_curve(run) && !run.records.validations.empty(); });
  if (!has_points) return {};
  return {"curves", "Learning curves", hint, figure("plot-validation", curves_caption(analysis)),
          kClockWords};
}

Section step_plot(const Analysis& analysis) {
  const bool has_steps =
      std::any_of(analysis.runs.begin(), analysis.runs.end(),
                  [](const Run& run) { return has_curve(run) && !run.records.steps.empty(); });
  if (!has_steps) return {};
  return {"steps", "Step by step", "",
          figure("plot-steps",
                 "What the records hold of each step; a point is the mean over neighbouring "
                 "records." +
                     switch_words(analysis)),
          kClockWords};
}

Section bag_plot(const Analysis& analysis) {
  const bool has_bag_loss =
      std::any_of(analysis.runs.begin(), analysis.runs.end(), [](const Run& run) {
        return std::any_of(run.records.steps.begin(), run.records.steps.end(),
                           [](const metrics::StepRecord& step) { return step.is_bag_loss; });
      });
  if (!has_bag_loss) return {};
  return {"bag", "Bag loss while superposed", "",
          figure("plot-bag",
                 "What the superposed phase minimises: the mean loss over all tokens of the "
                 "next bag. A bag has no order, so it is not comparable with the curves "
                 "above."),
          kClockWords};
}

Section router_plot(const Analysis& analysis) {
  const bool has_routers =
      std::any_of(analysis.runs.begin(), analysis.runs.end(),
                  [](const Run& run) { return has_curve(run) && has_router(run); });
  if (!has_routers) return {};
  return {
      "router", "What the routers of experts do", "",
      figure("plot-router",
             "Load: positions that the most used expert got, over the mean of all experts, in the "
             "layer where that is largest; 1 is even. Entropy of the router's probabilities, mean "
             "over layers." +
                 switch_words(analysis)),
      kClockWords};
}

}  // namespace superpose::report
