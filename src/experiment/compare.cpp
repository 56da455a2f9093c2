#include "experiment/compare.h"

#include <algorithm>
#include <ostream>
#include <set>

#include "checkpoint/checkpoint.h"
#include "experiment/decision.h"
#include "experiment/identity.h"
#include "experiment/listing.h"
#include "experiment/manifest.h"
#include "experiment/noise.h"
#include "experiment/prefix_tree.h"
#include "experiment/progress.h"
#include "experiment/run_list.h"
#include "experiment/selection.h"
#include "report/report.h"
#include "train/plan.h"
#include "train/plan_checks.h"
#include "train/plan_text.h"
#include "train/run.h"
#include "train/run_folder.h"
#include "train/start.h"
#include "util/error.h"
#include "util/file_names.h"
#include "util/files.h"
#include "util/output_folder.h"
#include "util/stop_signal.h"
#include "util/text.h"

namespace superpose::experiment {
namespace {

namespace fs = std::filesystem;

std::string run_name(const PlannedRun& run, const Arm& arm) {
  std::string name = arm.name + " seed " + std::to_string(run.seed);
  if (run.role == report::Role::kTuning) {
    name += " rate " + util::format_double(run.learning_rate.value_or(0));
  }
  if (run.budget != 1) name += " budget " + util::format_double(run.budget);
  return name;
}

// What a comparison without a grid says of its rates; an arm's own may come from a search
// elsewhere.
std::string describe_given_rates(const std::vector<Arm>& arms) {
  std::vector<std::string> parts;
  bool all_equal = true;
  for (const Arm& arm : arms) {
    const double rate = arm.config.optim.learning_rate;
    all_equal = all_equal && rate == arms.front().config.optim.learning_rate;
    parts.push_back(arm.name + " " + util::format_double(rate));
  }
  const std::string rates = all_equal ? util::format_double(arms.front().config.optim.learning_rate)
                                      : util::join(parts, ", ");
  return "so no rate is searched: each arm uses its own (" + rates + ")";
}

fs::path checkpoint_path(const fs::path& run_folder, std::int64_t step) {
  return train::checkpoints_folder(run_folder) / checkpoint::folder_name(step);
}

// Runs that a rough guess says take longer than this get a better estimate, which costs about a
// second.
constexpr double kWorthMeasuring = 60;  // seconds

// FLOPs of steps per second of a whole run, in which validation takes its part of the time.
train::Speed with_validation(train::Speed speed, const train::Plan& plan) {
  const double validation =
      plan.validation_flops + plan.final_score_flops + plan.task_flops + plan.sample_flops;
  speed.flops_per_second *= plan.total_flops / (plan.total_flops + validation);
  return speed;
}

// Of the text that a run reads.
metrics::Fingerprints text_of(const train::Plan& plan) {
  return {.recipe = {},
          .data = plan.corpus.fingerprint,
          .validation = plan.corpus.validation_fingerprint};
}

struct BudgetPlan {
  double budget = 1;
  train::Plan plan;
};

// One comparison in its folder. Members marked "rank 0" are filled and read there alone.
class Comparison {
 public:
  Comparison(const Recipe& recipe, const CompareOptions& options,
             distributed::Collective& collective, std::ostream& out)
      : recipe_(recipe),
        options_(options),
        collective_(collective),
        out_(out),
        root_(recipe.base.run.dir),
        output_(report::open_output(root_, options.overwrite)),
        arms_(make_arms(recipe)),
        identity_(begin_identity(recipe)),
        selection_(parse_selection(options.only, arms_, recipe.compare)) {
    plan_runs(arms_, recipe_.compare, {});  // every error of the plan before anything is read
  }

  CompareOutcome drive();

 private:
  bool is_first() const { return collective_.rank() == 0; }
  fs::path folder_of(const PlannedRun& run) const { return root_ / run.folder; }
  bool has_begun(const PlannedRun& run) const {
    return run.learning_rate && progress_.at(run.folder).begun;
  }

  void open_folder();
  void check_run_folders() const;
  void plan_arms();
  const train::Plan& first_plan() const { return plans_.front().front().plan; }
  void check_text() const;
  void measure_speed();
  void look();
  void keep_and_choose_parents();
  void update_runs();
  void find_noise_figures();
  std::vector<PlannedRun> selected() const { return select_runs(runs_, selection_, arms_); }
  train::Plan plan_from_start(PlannedRun run, train::Timing timing) const;
  void print_findings(std::size_t arm);
  void print_plan(const std::vector<PlannedRun>& selected_runs);
  void check_possible(const std::vector<PlannedRun>& selected_runs) const;
  TimeEstimate estimate_time() const;
  Listing listing(const std::vector<PlannedRun>& runs, const TimeEstimate& estimate) const;
  Decision decide();
  void check_parent(const PlannedRun& run) const;
  void remember(const report::Experiment& manifest, const std::string& folder);
  void announce(const PlannedRun& run, const std::vector<PlannedRun>& selected_runs,
                std::size_t number);
  train::RunSpec make_spec(const PlannedRun& run) const;
  train::RunResult run_once(const PlannedRun& run);
  void update_pins() const;
  report::Experiment manifest() const;
  void write_results(CompareOutcome& outcome) const;

  const Recipe& recipe_;
  const CompareOptions& options_;
  distributed::Collective& collective_;
  std::ostream& out_;
  fs::path root_;
  util::OutputFolder output_;  // root_
  std::vector<Arm> arms_;
  Identity identity_;
  Selection selection_;
  util::StopSignal signal_;                     // between runs, too
  std::vector<std::vector<BudgetPlan>> plans_;  // by arm, in the order of the runs
  std::vector<ArmCosts> costs_;                 // by arm
  // Rank 0.
  std::vector<report::RunEntry> entries_;  // of the manifest, as runs were decided on
  BestRates rates_;
  NoiseFindings noise_;
  std::vector<PlannedRun> runs_;
  ProgressMap progress_;
};

// Takes over what an earlier call left, once nothing is found in the way. Rank 0.
void Comparison::open_folder() {
  std::vector<std::string> files = report::kReportFiles;
  files.emplace_back(util::kExperimentFile);
  util::require(
      fs::exists(root_ / util::kExperimentFile) || !fs::exists(train::metrics_file(root_)),
      "run.dir: ", root_.string(), " holds a run; give the comparison a folder of its own, ",
      "such as --run.dir ", root_.string(), "-compared");
  output_.check(files);
  if (!output_.is_own(util::kExperimentFile)) return;
  const report::Experiment before = report::read_experiment(root_);
  identity_ = continue_identity(recipe_, before, root_.string());
  entries_ = before.runs;
}

// No run shall be refused its folder hours after the first one began. Rank 0.
void Comparison::check_run_folders() const {
  for (const PlannedRun& run : selected()) {
    if (!run.learning_rate || is_done(run, progress_.at(run.folder))) continue;
    train::check_run_folder(make_spec(run));
  }
}

// The plan of a run as if it began at step 0 in a folder of its own. Every rank.
train::Plan Comparison::plan_from_start(PlannedRun run, train::Timing timing) const {
  run.seed = recipe_.compare.seeds.front();
  run.learning_rate = arms_[run.arm].config.optim.learning_rate;
  run.folder = arms_[run.arm].name;  // no run lives there
  run.parent.clear();
  return train::plan_run(make_spec(run), collective_, timing);
}

// Asks the trainer what the runs of each arm cost at each budget, and what is wrong with them.
// Every rank.
void Comparison::plan_arms() {
  plans_.resize(arms_.size());
  for (const PlannedRun& run : plan_runs(arms_, recipe_.compare, {})) {
    std::vector<BudgetPlan>& plans = plans_[run.arm];
    if (std::any_of(plans.begin(), plans.end(),
                    [&run](const BudgetPlan& known) { return known.budget == run.budget; })) {
      continue;
    }
    const bool wants_time = options_.dry_run && plans.empty();
    plans.push_back({run.budget, plan_from_start(run, wants_time ? train::Timing::kMeasured
                                                                 : train::Timing::kNone)});
  }
  for (const std::vector<BudgetPlan>& plans : plans_) {
    const train::Plan& plan = plans.front().plan;
    const train::PlannedSet& primary = plan.validation.front();
    util::require(recipe_.compare.learning_rates.empty() || primary.has_both_halves,
                  "compare.learning_rates: rates are chosen on half A and quoted on half B of the "
                  "primary validation set, got a window of one half alone in ",
                  primary.name, " (", primary.documents, " documents)");
    costs_.push_back(
        {plan.mean_flops_per_position, plan.disk.checkpoint_bytes, plan.raw_tokens_at_hand});
  }
}

// Throws where a run that has begun read other text: its loss is not comparable with those still to
// come. Rank 0.
void Comparison::check_text() const {
  const metrics::Fingerprints now = text_of(first_plan());
  for (const PlannedRun& run : runs_) {
    if (!has_begun(run)) continue;
    const metrics::Fingerprints& then = progress_.at(run.folder).fingerprints;
    util::require(then.data == now.data && then.validation == now.validation,
                  folder_of(run).string(),
                  ": all runs must read the same text, this one was made with ",
                  then.data == now.data ? "another held-out set" : "another corpus",
                  " (fingerprint ", then.corpus(), ", now ", now.corpus(), ")",
                  train::text_changes(folder_of(run), first_plan().corpus),
                  "; put the text back, or choose another run.dir");
  }
}

// Where no run has been timed and a dry run has not measured, guesses the first arm's speed, and
// measures it if the selected runs are long. Every rank.
void Comparison::measure_speed() {
  if (options_.dry_run) return;
  const std::string wanted = on_first_rank(collective_, [this] {
    if (estimate_time().has_measured()) return "no";
    train::Plan& plan = plans_.front().front().plan;
    plan.speed = train::guess_speed(plan.threads, plan.world_size);
    const TimeEstimate guess = estimate_time();
    return seconds_left(listing(selected(), guess)).value_or(0) < kWorthMeasuring ? "no" : "yes";
  });
  if (wanted == "no") return;
  for (const PlannedRun& run : plan_runs(arms_, recipe_.compare, {})) {
    if (run.arm != 0 || run.budget != plans_.front().front().budget) continue;
    plans_.front().front().plan = plan_from_start(run, train::Timing::kMeasured);
    return;
  }
}

// Reads the folders of the runs that are not known to be done. Rank 0.
void Comparison::look() {
  for (const PlannedRun& run : runs_) {
    if (!run.learning_rate) continue;
    RunProgress& progress = progress_[run.folder];
    if (progress.finished) {
      progress.checkpoints = checkpoint_steps(folder_of(run));
      continue;
    }
    progress = read_progress(folder_of(run), run.total_steps);
    util::require(!progress.begun || progress.fingerprints.recipe == identity_.fingerprint,
                  folder_of(run).string(), ": holds a run of another comparison (fingerprint ",
                  progress.fingerprints.recipe, ", this one has ", identity_.fingerprint,
                  "); choose another run.dir");
  }
}

// Runs that have begun stay what they are; the others branch where a checkpoint is, or will be.
// Rank 0.
void Comparison::keep_and_choose_parents() {
  std::vector<report::RunEntry> begun;
  for (const report::RunEntry& entry : entries_) {
    const auto found = progress_.find(folder_name(entry));
    if (found != progress_.end() && found->second.begun) begun.push_back(entry);
  }
  for (const PlannedRun& run : runs_) {  // where experiment.json was lost
    if (!has_begun(run)) continue;
    const RunProgress& progress = progress_.at(run.folder);
    report::RunEntry entry;
    entry.folder = run.folder;
    entry.parent = progress.parent;
    entry.parent_step = progress.parent_step;
    begun.push_back(std::move(entry));
  }
  keep_begun(runs_, begun);
  choose_parents(
      runs_, arms_, [this](const PlannedRun& run) { return has_begun(run); },
      [this](const PlannedRun& parent, std::int64_t step) {
        return parent.learning_rate ? usable_step(parent, progress_.at(parent.folder), step) : step;
      });
}

// The plan with all that is known by now. Rank 0.
void Comparison::update_runs() {
  const auto plan = [this] {
    runs_ = plan_runs(arms_, recipe_.compare, rates_);
    look();
    keep_and_choose_parents();
  };
  plan();
  if (!recipe_.compare.learning_rates.empty()) {
    rates_ = choose_rates(runs_, progress_, arms_);
    plan();
  }
  find_noise_figures();
}

// The text is known once the arms are planned. Rank 0.
void Comparison::find_noise_figures() {
  noise_ = find_noise(arms_, recipe_.compare, rates_,
                      plans_.empty() ? "" : text_of(first_plan()).corpus());
}

TimeEstimate Comparison::estimate_time() const {
  TimeEstimate estimate;
  for (const PlannedRun& run : runs_) {
    const auto found = progress_.find(run.folder);
    if (found == progress_.end()) continue;
    estimate.add_measured(
        run.arm, static_cast<double>(found->second.positions) * costs_[run.arm].flops_per_position,
        found->second.seconds);
  }
  if (estimate.has_measured()) return estimate;
  for (std::size_t i = 0; i < arms_.size(); ++i) {
    const train::Plan& plan = plans_[i].front().plan;
    if (plan.speed) estimate.set_speed(i, with_validation(*plan.speed, plan));
  }
  return estimate;
}

Listing Comparison::listing(const std::vector<PlannedRun>& runs,
                            const TimeEstimate& estimate) const {
  return {arms_,     costs_,   runs,
          progress_, estimate, static_cast<std::int64_t>(util::free_disk_bytes(root_))};
}

// What was found wrong with an arm's plans, each thing once. Rank 0.
void Comparison::print_findings(std::size_t arm) {
  std::set<std::string> seen;
  for (const auto& [budget, plan] : plans_[arm]) {
    const bool is_printed = options_.dry_run && &plan == &plans_[arm].front().plan;
    for (const train::Finding& finding : plan.findings) {
      if (!seen.insert(finding.text).second || is_printed) continue;
      out_ << (finding.severity == train::Severity::kError ? "error" : "warning") << ": arm "
           << arms_[arm].name;
      if (budget != 1) out_ << ", budget " << util::format_double(budget);
      out_ << ": " << finding.text << '\n';
    }
  }
}

// Rank 0.
void Comparison::print_plan(const std::vector<PlannedRun>& selected_runs) {
  // The runs themselves print no plan.
  for (std::size_t i = 0; i < arms_.size(); ++i) {
    if (options_.dry_run) {
      out_ << "Arm " << arms_[i].name << ", a run at budget "
           << util::format_double(plans_[i].front().budget) << ":\n";
      train::print_plan(out_, plans_[i].front().plan);
    }
    print_findings(i);
    if (options_.dry_run) out_ << '\n';
  }
  const TimeEstimate estimate = estimate_time();
  print_listing(out_, listing(selected_runs, estimate));
  print_shorter_runs(out_, listing(selected_runs, estimate), recipe_.compare);
  print_smallest_differences(out_, arms_, recipe_.compare, noise_);
  if (recipe_.compare.learning_rates.empty()) {
    out_ << "note: compare.learning_rates is empty, " << describe_given_rates(arms_) << '\n';
  }
  out_ << std::flush;
}

// Throws where a run that is still to do cannot work, or would not do the compute of the others.
// Rank 0.
void Comparison::check_possible(const std::vector<PlannedRun>& selected_runs) const {
  for (const PlannedRun& run : selected_runs) {
    const auto found = progress_.find(run.folder);
    if (found != progress_.end() && is_done(run, found->second)) continue;
    for (const auto& [budget, plan] : plans_[run.arm]) {
      if (budget != run.budget) continue;
      const std::string errors = train::errors_of(plan.findings);
      util::require(errors.empty(), run.folder, ": ", errors);
      util::require(!plan.stops_with_data, run.folder, ": the corpus is used up after step ",
                    plan.last_step, " of ", plan.total_steps,
                    ", so its compute would not be that of the other arms: give more data, fewer "
                    "steps, or data.when_exhausted = \"continue\"");
    }
  }
}

// A branch that has not begun needs its parent's checkpoint.
void Comparison::check_parent(const PlannedRun& run) const {
  if (run.parent.empty() || progress_.at(run.folder).begun) return;
  const fs::path start = checkpoint_path(root_ / run.parent, run.first_step);
  util::require(fs::exists(start), run.folder, ": branches from ", start.string(),
                ", which is not there: remove ", (root_ / run.parent).string(),
                " to have it run again");
}

void Comparison::announce(const PlannedRun& run, const std::vector<PlannedRun>& selected_runs,
                          std::size_t number) {
  out_ << "Run " << number << " of " << selected_runs.size() << ": "
       << run_name(run, arms_[run.arm]) << ", steps " << run.first_step << " to "
       << run.total_steps;
  if (!run.parent.empty()) out_ << " as a branch of " << run.parent;
  const TimeEstimate estimate = estimate_time();
  const std::optional<double> left = seconds_left(listing(selected_runs, estimate));
  if (left) out_ << "; about " << util::format_duration(*left) << " left for all runs";
  out_ << std::endl;
}

report::Experiment Comparison::manifest() const {
  return make_manifest({recipe_, arms_, runs_, options_, identity_, noise_, entries_});
}

// What a run was begun as. Rank 0.
void Comparison::remember(const report::Experiment& manifest, const std::string& folder) {
  std::erase_if(entries_, [&folder](const auto& entry) { return folder_name(entry) == folder; });
  for (const report::RunEntry& entry : manifest.runs) {
    if (entry.folder == folder) entries_.push_back(entry);
  }
}

// The first selected run that is not done. Rank 0.
Decision Comparison::decide() {
  update_runs();
  update_pins();
  const report::Experiment now = manifest();
  report::write_experiment(output_, now);
  const std::vector<PlannedRun> selected_runs = selected();
  for (std::size_t i = 0; i < selected_runs.size(); ++i) {
    const PlannedRun& run = selected_runs[i];
    // Grids come first in the list, so a rate is known once its runs are reached.
    const RunProgress& progress = progress_.at(run.folder);
    if (is_done(run, progress)) continue;
    if (signal_.requested()) return {.signal = signal_.signal_number()};
    check_parent(run);
    announce(run, selected_runs, i + 1);
    remember(now, run.folder);
    return {.run = run};
  }
  return {.all_done = true};
}

train::RunSpec Comparison::make_spec(const PlannedRun& run) const {
  const Arm& arm = arms_[run.arm];
  train::RunSpec spec;
  spec.config = run_config(run, arm, root_.string());
  spec.settings = config::settings(spec.config);
  spec.recipe_toml = config::to_toml(spec.config);
  if (!run.parent.empty()) spec.start_from = checkpoint_path(root_ / run.parent, run.first_step);
  spec.pinned_checkpoint_steps = run.pinned_steps;
  spec.labels.run_name = run_name(run, arm);
  spec.labels.arm = arm.name;
  spec.labels.budget = run.budget;
  spec.labels.recipe_fingerprint = identity_.fingerprint;
  if (!options_.commands.empty()) {
    spec.labels.command =
        options_.commands.front() + " --only arm=" + arm.name + ",seed=" + std::to_string(run.seed);
  }
  spec.machine = options_.machine;
  spec.overwrite = options_.overwrite;
  spec.console = is_first() ? &out_ : nullptr;
  spec.console_columns = options_.console_columns;
  spec.console_detail = metrics::ConsoleDetail::kBrief;
  return spec;
}

// Every rank.
train::RunResult Comparison::run_once(const PlannedRun& run) {
  try {
    return train::run(make_spec(run), collective_);
  } catch (const util::Error& error) {
    const std::string diverged = on_first_rank(collective_, [&] {
      return read_progress(folder_of(run), run.total_steps).diverged ? "yes" : "no";
    });
    if (diverged == "no") throw;
    // A rate of the grid that is too high is an answer as well.
    if (run.role != report::Role::kTuning) util::fail(run.folder, ": ", error.what());
    if (is_first()) {
      out_ << "note: " << run.folder << " is left out of the grid: " << error.what() << std::endl;
    }
    return {};
  }
}

// Keeps the checkpoints that branches still need and gives up those that they no longer do. Rank 0.
void Comparison::update_pins() const {
  const auto is_needed = [this](const PlannedRun& parent, std::int64_t step) {
    return std::any_of(runs_.begin(), runs_.end(), [&](const PlannedRun& run) {
      if (run.parent != parent.folder || run.first_step != step) return false;
      const auto found = progress_.find(run.folder);
      return found == progress_.end() || !is_done(run, found->second);
    });
  };
  for (const PlannedRun& parent : runs_) {
    bool released = false;
    for (const std::int64_t step : parent.pinned_steps) {
      const fs::path folder = checkpoint_path(folder_of(parent), step);
      const bool keep = is_needed(parent, step);
      if (!fs::exists(folder) || checkpoint::is_pinned(folder) == keep) continue;
      checkpoint::set_pinned(folder, keep);
      released = released || !keep;
    }
    const std::int64_t keep = arms_[parent.arm].config.checkpoint.keep;
    if (released && keep > 0) checkpoint::prune(train::checkpoints_folder(folder_of(parent)), keep);
  }
}

// Rank 0.
void Comparison::write_results(CompareOutcome& outcome) const {
  const report::Analysis analysis = report::analyze(report::read_experiment(root_));
  outcome.text = report::in_words(analysis);
  outcome.report = report::write_report(analysis, output_, options_.plotly_script);
}

CompareOutcome Comparison::drive() {
  CompareOutcome outcome;
  identity_.fingerprint = on_first_rank(collective_, [this] {
    open_folder();
    update_runs();
    check_run_folders();
    return identity_.fingerprint;
  });
  plan_arms();
  on_first_rank(collective_, [this] {
    check_text();
    find_noise_figures();
    return std::string();
  });
  measure_speed();
  on_first_rank(collective_, [this, &outcome] {
    const std::vector<PlannedRun> selected_runs = selected();
    outcome.runs = static_cast<std::int64_t>(selected_runs.size());
    print_plan(selected_runs);
    check_possible(selected_runs);
    return std::string();
  });
  if (options_.dry_run) {
    outcome.status = CompareStatus::kDryRun;
    return outcome;
  }
  while (true) {
    const Decision decision =
        decision_from_text(on_first_rank(collective_, [this] { return to_text(decide()); }));
    if (decision.all_done) break;
    if (decision.signal != 0) {
      outcome.status = CompareStatus::kStoppedBySignal;
      outcome.signal = static_cast<int>(decision.signal);
      return outcome;
    }
    const train::RunResult result = run_once(decision.run);
    if (result.status != train::RunStatus::kStoppedBySignal) ++outcome.runs_done_now;
    if (result.stop_requested) {
      outcome.status = CompareStatus::kStoppedBySignal;
      outcome.signal = result.signal;
      return outcome;
    }
  }
  on_first_rank(collective_, [this, &outcome] {
    write_results(outcome);
    return std::string();
  });
  return outcome;
}

}  // namespace

CompareOutcome compare(const Recipe& recipe, const CompareOptions& options,
                       distributed::Collective& collective, std::ostream& out) {
  return Comparison(recipe, options, collective, out).drive();
}

}  // namespace superpose::experiment
