#include "report/words/schedule_words.h"

#include <algorithm>
#include <vector>

#include "report/load.h"
#include "report/words/text.h"
#include "util/text.h"

namespace superpose::report {
namespace {

bool is_same(const metrics::PhaseInfo& a, const metrics::PhaseInfo& b) {
  return a.num_steps == b.num_steps && a.bag_size == b.bag_size && a.target_size == b.target_size &&
         a.objective == b.objective;
}

std::vector<metrics::PhaseInfo> phases_of(const metrics::RunHeader& header) {
  std::vector<metrics::PhaseInfo> phases;
  for (const metrics::PhaseInfo& phase : header.phases) {
    if (phase.num_steps > 0) phases.push_back(phase);
  }
  return phases;
}

// "2,400 steps read bags of 4 tokens as one averaged input and predicted all 4 tokens that follow"
std::string clause(const metrics::PhaseInfo& phase, bool has_finished) {
  std::string text = util::counted(phase.num_steps, "step");
  if (phase.bag_size == 1 && phase.target_size == 1) return text + " of next-token training";
  text += phase.bag_size > 1 ? " read bags of " + util::with_commas(phase.bag_size) +
                                   " tokens as one averaged input"
                             : " read single tokens";
  text += has_finished ? " and predicted" : " and predict";
  text += phase.target_size > 1
              ? " all " + util::with_commas(phase.target_size) + " tokens that follow"
              : " the next token";
  return phase.objective.empty() ? text : text + " (objective " + phase.objective + ")";
}

}  // namespace

std::string schedule_sentence(const Analysis& analysis, const std::string& arm) {
  const std::vector<const Run*> runs = analysis.results(arm, 1);
  if (runs.empty()) return "";
  const std::vector<metrics::PhaseInfo> phases = phases_of(runs.front()->records.header);
  for (const Run* run : runs) {
    const std::vector<metrics::PhaseInfo> other = phases_of(run->records.header);
    if (!std::equal(phases.begin(), phases.end(), other.begin(), other.end(), is_same)) {
      return "The runs of " + arm + " differ in their phases.";
    }
  }
  return schedule_sentence(arm, runs.front()->records.header, true);
}

std::string schedule_sentence(const std::string& name, const metrics::RunHeader& header,
                              bool has_finished) {
  const std::vector<metrics::PhaseInfo> phases = phases_of(header);
  if (phases.empty()) return "";
  const std::string trains = name + (has_finished ? " trained" : " trains");
  if (!is_superposed(header)) return trains + " on next tokens throughout.";
  std::vector<std::string> clauses;
  for (const metrics::PhaseInfo& phase : phases) clauses.push_back(clause(phase, has_finished));
  const bool has_bags =
      std::any_of(phases.begin(), phases.end(),
                  [](const metrics::PhaseInfo& phase) { return phase.bag_size > 1; });
  std::string text = trains +
                     (has_bags ? " by superposition: " : " on several targets at a time: ") +
                     util::join(clauses, ", then ") + ".";
  const metrics::PhaseInfo& last = phases.back();
  if (last.bag_size > 1 || last.target_size > 1) {
    text += has_finished ? " It never trained as an ordinary model, so it is not one."
                         : " It never trains as an ordinary model, so it will not be one.";
  }
  return text;
}

}  // namespace superpose::report
