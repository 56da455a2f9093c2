#include "report/words/curve_words.h"

#include <algorithm>
#include <vector>

#include "report/load.h"
#include "report/page/plot_data.h"
#include "report/words/ranking.h"
#include "report/words/text.h"
#include "util/text.h"

namespace superpose::report {
namespace {

const GapPoint* first_after(const std::vector<GapPoint>& gaps, std::int64_t switch_step) {
  const auto found = std::find_if(gaps.begin(), gaps.end(),
                                  [&](const GapPoint& point) { return point.step > switch_step; });
  return found == gaps.end() ? nullptr : &*found;
}

// A seed's way from the switch to the end.
struct Recovery {
  Crossing crossing;
  GapPoint first;
  GapPoint last;
};

// Of the seeds that have a check after the switch.
std::vector<Recovery> recoveries(const Comparison& comparison) {
  std::vector<Recovery> found;
  for (std::size_t i = 0; i < comparison.crossings.size(); ++i) {
    const Crossing& crossing = comparison.crossings[i];
    const std::vector<GapPoint>& gaps = comparison.gaps[i].second;
    const GapPoint* first = first_after(gaps, crossing.switch_step);
    if (crossing.switch_step > 0 && first != nullptr) {
      found.push_back({crossing, *first, gaps.back()});
    }
  }
  return found;
}

std::string one_recovery(const std::string& arm, const Recovery& way) {
  const Crossing& crossing = way.crossing;
  std::string text =
      "The switch to next-token training came at step " + util::with_commas(crossing.switch_step) +
      "; at the first validation after it (step " + util::with_commas(way.first.step) + ") " + arm +
      " was " + format_gain(way.first.gap);
  const std::string at_the_end = "at the last validation it was " + format_gain(way.last.gap) + ".";
  if (!crossing.first_ahead)
    return text + ". It was never ahead at a later validation; " + at_the_end;
  if (*crossing.first_ahead != way.first.step) {
    text += ". It got ahead at step " + util::with_commas(*crossing.first_ahead) + ", " +
            util::counted(*crossing.first_ahead - crossing.switch_step, "step") +
            " after the switch";
  }
  if (crossing.stays) return text + ", and stayed ahead to the last validation.";
  return text + ", but did not stay ahead; " + at_the_end;
}

std::string several_recoveries(const std::string& arm, const std::vector<Recovery>& ways) {
  double first_gaps = 0;
  std::int64_t overtook = 0;
  std::int64_t stayed = 0;
  std::int64_t latest = 0;
  for (const Recovery& way : ways) {
    first_gaps += way.first.gap;
    stayed += way.crossing.stays ? 1 : 0;
    if (!way.crossing.first_ahead) continue;
    ++overtook;
    latest = std::max(latest, *way.crossing.first_ahead - way.crossing.switch_step);
  }
  const std::string text =
      "At the first validation after the switch to next-token training " + arm + " was " +
      format_gain(first_gaps / static_cast<double>(ways.size())) + " on average. It got ahead in " +
      std::to_string(overtook) + " of " + util::counted(std::ssize(ways), "seed");
  if (overtook == 0) return text + ".";
  return text + ", at the latest " + util::counted(latest, "step") +
         " after the switch, and stayed ahead to the last validation in " +
         (stayed == 0 ? "none of them" : std::to_string(stayed)) + ".";
}

// How often an arm's curve lay above the baseline's while superposed.
std::string position_while_superposed(const std::string& baseline, const Comparison& comparison) {
  std::int64_t checks = 0;
  std::int64_t above = 0;
  for (std::size_t i = 0; i < comparison.crossings.size(); ++i) {
    for (const GapPoint& point : comparison.gaps[i].second) {
      if (point.step > comparison.crossings[i].switch_step) continue;
      ++checks;
      above += side_of(point.gap) == Side::kBehind ? 1 : 0;
    }
  }
  if (checks == 0) return "";
  return " While superposed, " + comparison.arm + " had a higher loss than " + baseline + " at " +
         std::to_string(above) + " of " + util::counted(checks, "validation") + ".";
}

}  // namespace

std::string crossing_sentence(const Comparison& comparison) {
  if (comparison.equal_flops.mean.match != Match::kEqual) return "";
  const std::vector<Recovery> ways = recoveries(comparison);
  if (ways.empty()) return "";
  return ways.size() == 1 ? one_recovery(comparison.arm, ways.front())
                          : several_recoveries(comparison.arm, ways);
}

std::string curves_caption(const Analysis& analysis) {
  std::string text = "Next-token loss on held-out text, bags off, the same measure in every phase.";
  const bool has_switch = std::any_of(
      analysis.runs.begin(), analysis.runs.end(),
      [](const Run& run) { return has_curve(run) && switch_step_of(run.records.header) > 0; });
  if (has_switch) {
    text +=
        " Dotted line: the switch from superposition to next-token training. While superposed a "
        "model is not trained to predict single tokens.";
  }
  for (const Comparison& comparison : analysis.comparisons) {
    if (has_many_arms(analysis)) break;
    text += position_while_superposed(analysis.experiment.baseline, comparison);
  }
  return text;
}

}  // namespace superpose::report
