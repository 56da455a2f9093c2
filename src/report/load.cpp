#include "report/load.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "util/error.h"
#include "util/file_names.h"
#include "util/text.h"

namespace superpose::report {
namespace {

bool has_records(const std::string& path) {
  namespace fs = std::filesystem;
  return fs::is_regular_file(path) || fs::exists(fs::path(path) / util::kRecordsFile) ||
         fs::exists(fs::path(path) / "metrics.csv");
}

// A setting of the run as TOML text; "" where the trainer does not say.
std::string setting_of(const metrics::RunHeader& header, std::string_view key) {
  for (const util::Setting& one : header.settings) {
    if (one.key == key) return one.value;
  }
  return "";
}

bool reached_its_end(const metrics::RunRecords& records) {
  if (records.validations.empty() || records.validations.back().positions <= 0) return false;
  const std::int64_t last = records.validations.back().step;
  const std::string final_windows = setting_of(records.header, "evaluation.final_windows");
  const bool wants_final_scores = !final_windows.empty() && final_windows != "0";
  if (wants_final_scores && !records.final_scores) return false;
  if (records.summary) return last >= records.summary->step;
  return last >= records.header.total_steps;  // 0 where a foreign trainer does not say
}

template <class R>
void put_in_front(std::vector<R>& records, const std::vector<R>& before, std::int64_t until_step) {
  std::vector<R> joined;
  for (const R& record : before) {
    if (record.step <= until_step) joined.push_back(record);
  }
  for (const R& record : records) {
    if (record.step > until_step) joined.push_back(record);
  }
  records = std::move(joined);
}

// The run's own records with its trunk's in front; a trunk may be a branch itself.
metrics::RunRecords records_with_trunk(const Experiment& experiment, const RunEntry& entry) {
  metrics::RunRecords records = metrics::read_run(entry.folder);
  if (entry.parent.empty()) return records;
  RunEntry parent;
  parent.folder = entry.parent;
  for (const RunEntry& other : experiment.runs) {
    if (other.folder == entry.parent && other.parent_step < entry.parent_step) parent = other;
  }
  const metrics::RunRecords trunk = records_with_trunk(experiment, parent);
  put_in_front(records.steps, trunk.steps, entry.parent_step);
  put_in_front(records.validations, trunk.validations, entry.parent_step);
  put_in_front(records.tasks, trunk.tasks, entry.parent_step);
  put_in_front(records.events, trunk.events, entry.parent_step);
  return records;
}

void check_clock(const Run& run) {
  const std::vector<metrics::ValidationRecord>& points = run.records.validations;
  for (std::size_t i = 1; i < points.size(); ++i) {
    util::require(points[i].seconds >= points[i - 1].seconds, run.entry.folder,
                  ": seconds must continue from those of the trunk ", run.entry.parent, ", got ",
                  points[i].seconds, " after ", points[i - 1].seconds);
  }
}

// The folder may hold the records of another run.
void check_whose(const Run& run) {
  const metrics::RunHeader& header = run.records.header;
  const bool is_same =
      header.arm.empty() || (header.arm == run.entry.arm && header.seed == run.entry.seed);
  util::require(is_same, run.entry.folder, ": must hold the records of ", run.label(),
                ", got those of ", header.arm, ", seed ", header.seed);
}

// Steps are recorded at least every log.every of them; a gap says that records were lost.
void note_gaps(const Run& run, std::vector<std::string>& notes) {
  const std::string every = setting_of(run.records.header, "log.every");
  const std::vector<metrics::StepRecord>& steps = run.records.steps;
  if (every.empty()) return;
  const std::int64_t longest = std::max<std::int64_t>(1, std::strtoll(every.c_str(), nullptr, 10));
  // A stage counts its steps on from those of another run.
  const bool begins_at_zero = run.records.header.parents.empty() || !run.entry.parent.empty();
  std::int64_t before = begins_at_zero || steps.empty() ? 0 : steps.front().step;
  for (const metrics::StepRecord& step : steps) {
    if (step.step - before > longest) {
      notes.push_back("Records of " + run.label() + " are missing between steps " +
                      util::with_commas(before) + " and " + util::with_commas(step.step) +
                      ": what is said of its way there is incomplete.");
      return;
    }
    before = step.step;
  }
}

// Compute that an earlier run paid for is not in the comparison.
void note_initial_weights(const std::vector<Run>& runs, std::vector<std::string>& notes) {
  std::set<std::string> arms;
  for (const Run& run : runs) {
    const std::vector<metrics::ParentInfo>& parents = run.records.header.parents;
    const auto is_trained = [](const metrics::ParentInfo& parent) {
      return parent.kind != "branch";
    };
    if (std::any_of(parents.begin(), parents.end(), is_trained)) arms.insert(run.entry.arm);
  }
  if (arms.empty()) return;
  notes.push_back("Began from trained weights, whose compute is not counted here: " +
                  util::join(std::vector<std::string>(arms.begin(), arms.end()), ", ") + ".");
}

void derive(Run& run, QuotedLoss quoted) {
  const metrics::RunHeader& header = run.records.header;
  const double per_position = header.flops_per_position;
  util::require(run.is_foreign || (std::isfinite(per_position) && per_position > 0),
                run.entry.folder, ": flops_per_position must be finite and > 0, got ",
                per_position);
  run.finished = reached_its_end(run.records);
  if (run.records.validations.empty()) return;
  const metrics::ValidationRecord& last = run.records.validations.back();
  run.flops = static_cast<double>(last.positions) * per_position;
  run.seconds = last.seconds;
  run.raw_tokens = last.raw_tokens;
  if (header.train_tokens > 0) {
    run.epochs = static_cast<double>(last.raw_tokens) / static_cast<double>(header.train_tokens);
  }
  if (!run.finished) return;
  if (run.entry.role == Role::kTuning) {
    run.tuning_loss = loss_as_quoted(last, QuotedLoss::kHalfA, run.entry.folder);
    run.final_loss = run.tuning_loss;
  } else if (run.entry.role != Role::kTrunk) {
    run.final_loss = loss_as_quoted(last, quoted, run.entry.folder);
  }
}

// The last validation, with the losses of the final scores in place of its own: the same measure on
// more text.
void take_final_scores(metrics::ValidationRecord& last, const metrics::FinalRecord& final_scores) {
  std::vector<metrics::SetScore> sets;
  for (const metrics::FinalScore& score : final_scores.sets) {
    metrics::SetScore& set = sets.emplace_back();
    set.name = score.name;
    set.loss = score.loss;
    set.loss_half_a = score.loss_half_a;
    set.loss_half_b = score.loss_half_b;
    set.perplexity = std::exp(score.loss);
    set.bits_per_byte = score.bits_per_byte;
    const auto is_scored = [](std::int64_t tokens) { return tokens > 0; };
    set.scored = {score.tokens, std::count_if(score.document_tokens.begin(),
                                              score.document_tokens.end(), is_scored)};
  }
  const metrics::SetScore& primary = sets.front();
  last.loss = primary.loss;
  last.loss_half_a = primary.loss_half_a;
  last.loss_half_b = primary.loss_half_b;
  last.perplexity = primary.perplexity;
  last.bits_per_byte = primary.bits_per_byte;
  last.scored = primary.scored;
  last.scored_half_a.reset();
  last.scored_half_b.reset();
  last.sets = std::move(sets);
}

// Where all results have final scores, these are what is quoted. Points of a learning-rate grid
// keep the measure by which the best was chosen.
void take_final_scores(std::vector<Run>& runs) {
  const auto is_quoted = [](const Run& run) {
    return is_result(run.entry.role) && reached_its_end(run.records);
  };
  const auto lacks_scores = [&](const Run& run) {
    return is_quoted(run) && !run.records.final_scores;
  };
  if (std::any_of(runs.begin(), runs.end(), lacks_scores)) return;
  for (Run& run : runs) {
    if (!is_quoted(run)) continue;
    take_final_scores(run.records.validations.back(), *run.records.final_scores);
    run.quotes_final_scores = true;
  }
}

void check_fingerprint(const char* what, const Run& a, const std::string& of_a, const Run& b,
                       const std::string& of_b) {
  util::require(of_a == of_b, "report: runs must have the same ", what, " fingerprint, got ", of_a,
                " in ", a.entry.folder, " and ", of_b, " in ", b.entry.folder);
}

void check_fingerprints(const Experiment& experiment, const std::vector<Run>& runs) {
  std::map<std::string, const Run*> first_of_arm;
  for (const Run& run : runs) {
    const metrics::Fingerprints& mine = run.records.header.fingerprints;
    const metrics::Fingerprints& first = runs.front().records.header.fingerprints;
    check_fingerprint("data", runs.front(), first.data, run, mine.data);
    check_fingerprint("validation", runs.front(), first.validation, run, mine.validation);
    if (experiment.one_recipe) {
      util::require(mine.recipe == experiment.recipe_fingerprint,
                    "report: runs must have the experiment's recipe fingerprint ",
                    experiment.recipe_fingerprint, ", got ", mine.recipe, " in ", run.entry.folder);
      continue;
    }
    const Run* arm_first = first_of_arm.try_emplace(run.entry.arm, &run).first->second;
    check_fingerprint("recipe", *arm_first, arm_first->records.header.fingerprints.recipe, run,
                      mine.recipe);
  }
}

bool same_place(const RunEntry& a, const RunEntry& b) {
  if (a.arm != b.arm || a.seed != b.seed) return false;
  if (is_result(a.role) && is_result(b.role)) return a.budget == b.budget;
  return a.role == Role::kTuning && b.role == Role::kTuning && a.learning_rate == b.learning_rate;
}

void check_places(const std::vector<Run>& runs) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      util::require(!same_place(runs[i].entry, runs[j].entry),
                    "report: each seed and budget of an arm must have one run, got ",
                    runs[j].entry.folder, " and ", runs[i].entry.folder, " for ", runs[i].label());
    }
  }
}

}  // namespace

std::string Run::label() const {
  std::string text = entry.arm + ", seed " + std::to_string(entry.seed);
  if (entry.role == Role::kTuning) text += ", rate " + util::format_double(entry.learning_rate);
  if (entry.role == Role::kTrunk) text += ", trunk";
  if (entry.budget != 1) text += ", budget " + util::format_double(entry.budget);
  return text;
}

std::optional<double> find_quoted_loss(const metrics::ValidationRecord& record, QuotedLoss quoted) {
  if (quoted == QuotedLoss::kWhole) return record.loss;
  return quoted == QuotedLoss::kHalfA ? record.loss_half_a : record.loss_half_b;
}

double loss_as_quoted(const metrics::ValidationRecord& record, QuotedLoss quoted,
                      const std::string& where) {
  const std::optional<double> loss = find_quoted_loss(record, quoted);
  util::require(loss.has_value(), where, ": validation at step ", record.step, ": missing field '",
                quoted == QuotedLoss::kHalfA ? "loss_half_a" : "loss_half_b",
                "', which a learning-rate grid needs");
  return *loss;
}

bool is_superposed(const metrics::RunHeader& header) {
  return std::any_of(header.phases.begin(), header.phases.end(),
                     [](const metrics::PhaseInfo& phase) {
                       return phase.num_steps > 0 && (phase.bag_size > 1 || phase.target_size > 1);
                     });
}

std::int64_t switch_step_of(const metrics::RunHeader& header) {
  std::int64_t step = 0;
  for (const metrics::PhaseInfo& phase : header.phases) {
    const bool superposed = phase.bag_size > 1 || phase.target_size > 1;
    if (superposed && phase.num_steps > 0) step = phase.first_step + phase.num_steps;
  }
  const bool never_ends = header.total_steps > 0 && step >= header.total_steps;
  return never_ends ? 0 : step;
}

std::optional<std::int64_t> decay_start_of(const metrics::RunHeader& header) {
  const std::string share = setting_of(header, "optim.decay_share");
  if (setting_of(header, "optim.schedule") != "\"wsd\"" || share.empty() ||
      header.total_steps <= 0) {
    return std::nullopt;
  }
  char* end = nullptr;
  const double decayed = std::strtod(share.c_str(), &end);
  if (*end != '\0' || !(decayed > 0 && decayed <= 1)) return std::nullopt;
  // As the trainer rounds (optim/schedule.cpp): 0.1 has no exact binary form.
  constexpr double kSlack = 1e-9;
  return static_cast<std::int64_t>(
      std::floor((1 - decayed) * static_cast<double>(header.total_steps) + kSlack));
}

std::string not_run_note(const RunEntry& entry) {
  Run run;
  run.entry = entry;
  return "Not run yet: " + run.label() + ".";
}

std::vector<Run> load_runs(const Experiment& experiment, QuotedLoss quoted,
                           std::vector<std::string>& notes) {
  std::vector<Run> runs;
  for (const RunEntry& entry : experiment.runs) {
    Run run;
    run.entry = entry;
    const auto foreign = experiment.foreign.find(entry.folder);
    run.is_foreign = foreign != experiment.foreign.end();
    if (!run.is_foreign && !has_records(entry.folder)) {
      notes.push_back(not_run_note(entry));
      continue;
    }
    run.records = run.is_foreign ? foreign->second : records_with_trunk(experiment, entry);
    if (!entry.parent.empty()) check_clock(run);
    if (experiment.one_recipe && entry.role != Role::kTrunk) check_whose(run);
    note_gaps(run, notes);
    runs.push_back(std::move(run));
  }
  take_final_scores(runs);
  for (Run& run : runs) {
    derive(run, quoted);
    const bool is_alone = experiment.runs.size() == 1;  // the report of one run shows how far it is
    if (!run.finished && run.entry.role != Role::kTrunk && !is_alone) {
      notes.push_back("Not finished, so left out of every result: " + run.label() + ".");
    }
  }
  note_initial_weights(runs, notes);
  check_fingerprints(experiment, runs);
  check_places(runs);
  return runs;
}

}  // namespace superpose::report
