#include "experiment/prefix_tree.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "config/config.h"
#include "optim/schedule.h"

namespace superpose::experiment {
namespace {

// Keys that say nothing of a step but its learning rate and its phase, which are compared
// themselves; and the folder.
constexpr std::array<std::string_view, 9> kComparedByStep = {"run.dir",
                                                             "train.steps",
                                                             "phases",
                                                             "optim.learning_rate",
                                                             "optim.schedule",
                                                             "optim.warmup_steps",
                                                             "optim.decay_share",
                                                             "optim.decay_shape",
                                                             "optim.final_ratio"};

// The longest window and the largest bag and target of a whole run decide how a corpus is cut into
// lanes and how many rows go through the model at once; so do the sources of a mixture that
// are read at all.
std::string whole_run_text(const std::vector<superposition::Phase>& phases,
                           const superposition::StepSize& run) {
  std::int64_t longest = run.sequence_length;
  std::int64_t window = 0;
  std::int64_t bag = 0;
  std::int64_t target = 0;
  std::set<std::string> sources;
  for (const superposition::Phase& phase : phases) {
    const std::int64_t positions = superposition::size_of(phase, run).sequence_length;
    longest = std::max(longest, positions);
    window = std::max(window, superposition::WindowShape{positions, phase.bags}.length());
    bag = std::max(bag, phase.bags.bag_size);
    target = std::max(target, phase.bags.target_size);
    if (phase.weights.empty()) sources.insert("");
    for (const auto& [name, weight] : phase.weights) {
      if (weight > 0) sources.insert(name);
    }
  }
  std::string text =
      std::to_string(window) + " " + std::to_string(bag) + " " + std::to_string(target);
  if (longest != run.sequence_length) text += " " + std::to_string(longest);
  for (const std::string& source : sources) text += "\n" + source;
  return text;
}

// Phases that are equal but for where they lie, and for what happens after them, do the same in
// each step.
bool same_work(superposition::Phase a, superposition::Phase b) {
  a.handover = b.handover = superposition::Handover::kAll;
  a.first_step = b.first_step = 0;
  a.num_steps = b.num_steps = 0;
  return a == b;
}

std::int64_t common_phase_steps(const StepSettings& a, const StepSettings& b) {
  for (std::size_t i = 0; i < std::min(a.phases.size(), b.phases.size()); ++i) {
    if (!same_work(a.phases[i], b.phases[i])) return a.phases[i].first_step;
    const std::int64_t end = std::min(a.phases[i].end_step(), b.phases[i].end_step());
    const bool continue_alike = a.phases[i].end_step() == b.phases[i].end_step() &&
                                a.phases[i].handover == b.phases[i].handover;
    if (!continue_alike) return end;
  }
  return std::min(a.total_steps, b.total_steps);
}

// Steps before which a rate is that of the warm-up or the peak, whatever the length of the run.
std::int64_t steps_before_decay(const StepSettings& plan) {
  if (plan.optim.schedule == optim::Schedule::kCosine) return 0;
  return plan.total_steps - optim::decay_steps(plan.optim, plan.total_steps);
}

// The first step below `end` whose rates differ; `end` where none does.
std::int64_t common_rate_steps(const StepSettings& a, const StepSettings& b, std::int64_t end) {
  std::int64_t step = 0;
  if (a.optim.learning_rate == b.optim.learning_rate &&
      a.optim.warmup_steps == b.optim.warmup_steps) {
    step = std::min({steps_before_decay(a), steps_before_decay(b), end});
  }
  while (step < end && optim::learning_rate_at(a.optim, step, a.total_steps) ==
                           optim::learning_rate_at(b.optim, step, b.total_steps)) {
    ++step;
  }
  return step;
}

void set_parent(PlannedRun& run, const PlannedRun* parent, std::int64_t step) {
  run.parent = parent != nullptr ? parent->folder : std::string();
  run.first_step = parent != nullptr ? step : 0;
  if (run.role == report::Role::kTuning) return;
  run.role = parent != nullptr ? report::Role::kBranch : report::Role::kFinal;
}

}  // namespace

StepSettings step_settings_of(const PlannedRun& run, const Arm& arm) {
  PlannedRun known = run;
  if (!known.learning_rate) known.learning_rate = arm.config.optim.learning_rate;
  const train::RunConfig config = run_config(known, arm, "");
  StepSettings plan{.settings = whole_run_text(run.phases, config.train.step_size()),
                    .optim = config.optim,
                    .total_steps = run.total_steps,
                    .phases = run.phases};
  for (const util::Setting& setting : config::settings(config)) {
    const auto found = std::find(kComparedByStep.begin(), kComparedByStep.end(), setting.key);
    if (found == kComparedByStep.end()) plan.settings += "\n" + setting.key + " = " + setting.value;
  }
  if (!run.learning_rate) plan.settings += "\nrate of " + arm.name;
  return plan;
}

std::int64_t common_steps(const StepSettings& a, const StepSettings& b) {
  if (a.settings != b.settings) return 0;
  return common_rate_steps(a, b, common_phase_steps(a, b));
}

void choose_parents(std::vector<PlannedRun>& runs, std::span<const Arm> arms,
                    const std::function<bool(const PlannedRun&)>& is_fixed,
                    const UsableStep& usable_step) {
  std::vector<StepSettings> plans;
  for (const PlannedRun& run : runs) plans.push_back(step_settings_of(run, arms[run.arm]));
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (is_fixed(runs[i])) continue;
    const PlannedRun* parent = nullptr;
    std::int64_t most = 0;
    for (std::size_t j = 0; j < i; ++j) {
      const std::int64_t common = common_steps(plans[i], plans[j]);
      // A run has steps of its own to do.
      const std::int64_t wanted = std::min(common, runs[i].total_steps - 1);
      if (wanted <= std::max(most, runs[j].first_step)) continue;
      const std::int64_t step = usable_step(runs[j], wanted);
      if (step <= std::max(most, runs[j].first_step)) continue;
      parent = &runs[j];
      most = step;
    }
    set_parent(runs[i], parent, most);
  }
  pin_branch_points(runs);
}

void pin_branch_points(std::vector<PlannedRun>& runs) {
  std::map<std::string, std::set<std::int64_t>> steps;
  for (const PlannedRun& run : runs) {
    if (!run.parent.empty()) steps[run.parent].insert(run.first_step);
  }
  for (PlannedRun& run : runs) {
    const std::set<std::int64_t>& pinned = steps[run.folder];
    run.pinned_steps.assign(pinned.begin(), pinned.end());
  }
}

std::vector<TreePlace> tree_order(const std::vector<PlannedRun>& runs) {
  std::set<std::string> folders;
  std::map<std::string, std::vector<std::size_t>> children;
  for (const PlannedRun& run : runs) folders.insert(run.folder);
  for (std::size_t i = runs.size(); i-- > 0;) {
    children[folders.contains(runs[i].parent) ? runs[i].parent : ""].push_back(i);
  }
  // Children are listed from the last, as they come off the end.
  std::vector<TreePlace> order;
  std::vector<TreePlace> open;
  for (const std::size_t root : children[""]) open.push_back({root, 0});
  while (!open.empty()) {
    const TreePlace place = open.back();
    open.pop_back();
    order.push_back(place);
    for (const std::size_t child : children[runs[place.run].folder]) {
      open.push_back({child, place.depth + 1});
    }
  }
  return order;
}

}  // namespace superpose::experiment
