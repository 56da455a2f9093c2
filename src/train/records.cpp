#include "train/records.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "metrics/console_sink.h"
#include "metrics/json_lines_sink.h"
#include "metrics/reader.h"
#include "metrics/tensorboard_sink.h"
#include "train/run_folder.h"

namespace superpose::train {
namespace {

std::string run_name(const RunSpec& spec) {
  if (!spec.labels.run_name.empty()) return spec.labels.run_name;
  return std::filesystem::path(spec.config.run.dir).lexically_normal().filename().string();
}

void write_start(const Start& start, const Plan& plan, metrics::Sink& sink) {
  const auto write = [&](metrics::EventKind kind, const std::string& text) {
    sink.write(metrics::EventRecord{plan.first_step, kind, text, metrics::utc_now()});
  };
  for (const Finding& finding : plan.findings) write(metrics::EventKind::kWarning, finding.text);
  if (start.kind == Start::Kind::kFresh) return;
  write(metrics::EventKind::kResume, plan.start);
}

}  // namespace

metrics::RunHeader make_header(const RunSpec& spec, const Setup& setup, const Plan& plan) {
  metrics::RunHeader header;
  header.run_name = run_name(spec);
  header.arm = spec.labels.arm;
  header.seed = spec.config.train.seed;
  header.learning_rate = spec.config.optim.learning_rate;
  header.budget = spec.labels.budget;
  header.model = plan.model;
  header.parameters = plan.parameters;
  header.flops_per_position = plan.mean_flops_per_position;
  header.positions_per_step = spec.config.train.batch_positions;
  header.sequence_length = plan.sequence_length;
  header.total_steps = plan.total_steps;
  header.train_tokens = plan.raw_tokens_at_hand;
  for (const superposition::Phase& phase : plan.phases) {
    header.phases.push_back({phase.first_step, phase.num_steps, phase.bags.bag_size,
                             phase.bags.target_size,
                             std::string(superposition::told_name(phase.objective))});
  }
  header.threads = setup.environment.threads;
  header.ranks = setup.environment.ranks;
  header.device = setup.environment.device;
  header.precision = name_of(setup.precision);
  header.cpu = spec.machine.cpu;
  header.isa = spec.machine.isa;
  header.versions = spec.machine.versions;
  header.settings = spec.settings;
  header.parents = setup.start.state.parents;
  header.fingerprints.recipe = spec.labels.recipe_fingerprint.empty()
                                   ? recipe_fingerprint(spec.settings)
                                   : spec.labels.recipe_fingerprint;
  header.fingerprints.data = setup.corpus.fingerprint;
  header.fingerprints.validation = setup.corpus_record.validation_fingerprint;
  header.command = spec.labels.command;
  header.started_at = metrics::utc_now();
  return header;
}

metrics::SinkList open_sinks(const RunSpec& spec, const Setup& setup, const Plan& plan) {
  const std::filesystem::path folder = spec.config.run.dir;
  // Where a run's checkpoints are and its records are not, they begin here.
  const bool resumes = setup.start.kind == Start::Kind::kResume &&
                       metrics::find_records(metrics_file(folder)) == metrics::FoundRecords::kSome;
  metrics::SinkList sinks;
  sinks.add(std::make_unique<metrics::JsonLinesSink>(metrics_file(folder),
                                                     resumes ? plan.first_step : -1));
  if (spec.config.log.tensorboard) {
    sinks.add(std::make_unique<metrics::TensorBoardSink>(folder, plan.first_step));
  }
  const metrics::RunHeader header = make_header(spec, setup, plan);
  sinks.write(header);
  write_start(setup.start, plan, sinks);
  if (spec.console != nullptr) {
    auto console = std::make_unique<metrics::ConsoleSink>(
        *spec.console, util::StatusLineOptions{.columns = spec.console_columns},
        spec.console_detail);
    console->write(header);
    sinks.add(std::move(console));
  }
  return sinks;
}

RecordedScores recorded_scores(const std::filesystem::path& run_folder, std::int64_t step) {
  const std::filesystem::path file = metrics_file(run_folder);
  if (!std::filesystem::exists(file)) return {};
  const metrics::RunRecords records = metrics::read_json_lines(file);
  RecordedScores scores;
  for (const metrics::ValidationRecord& record : records.validations) {
    scores.has_validation |= record.step == step;
  }
  for (const metrics::TaskRecord& record : records.tasks) {
    if (record.step == step) scores.tasks.push_back(record.name);
  }
  return scores;
}

bool has_summary(const std::filesystem::path& run_folder) {
  const std::filesystem::path file = metrics_file(run_folder);
  return std::filesystem::exists(file) && metrics::read_json_lines(file).summary.has_value();
}

}  // namespace superpose::train
