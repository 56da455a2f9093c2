#include "support/synthetic_runs.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "metrics/json_lines_sink.h"
#include "util/text.h"

namespace superpose::test {
namespace {

constexpr std::int64_t kPositionsPerStep = 4096;
constexpr double kSecondsPerStep = 0.045;
constexpr double kSuperposedShare = 0.3;
constexpr double kLogEvery = 20;

std::int64_t switch_step(const SyntheticRun& run) {
  return run.bag_size > 1
             ? static_cast<std::int64_t>(kSuperposedShare * static_cast<double>(run.total_steps))
             : 0;
}

std::int64_t raw_tokens(const SyntheticRun& run, std::int64_t step) {
  const std::int64_t superposed = std::min(step, switch_step(run));
  return kPositionsPerStep * (step + superposed * (run.bag_size - 1));
}

double seconds(const SyntheticRun& run, std::int64_t step) {
  const auto superposed = static_cast<double>(std::min(step, switch_step(run)));
  return kSecondsPerStep * (static_cast<double>(step) + 0.04 * superposed);
}

// A power law down to the final loss, with the drop of a decaying rate over the last fifth and, for
// a superposed run, a hump up to and shortly after the switch.
double validation_loss(const SyntheticRun& run, std::int64_t step) {
  const auto at = static_cast<double>(step);
  const auto total = static_cast<double>(run.total_steps);
  const double power = 4.4 / std::pow(1 + at / 12, 0.62) - 4.4 / std::pow(1 + total / 12, 0.62);
  const double undecayed = 0.07 * std::min(1.0, (total - at) / (0.2 * total));
  double hump = 0;
  if (run.bag_size > 1) {
    const double after = at - static_cast<double>(switch_step(run));
    hump = after < 0 ? 1.2 + 0.9 / (1 + at / 300)
                     : 0.75 * std::exp(-after / 320) + 0.06 * std::exp(-after / 1100);
  }
  return run.final_loss + power + undecayed * std::min(1.0, at / 50) + (at < total ? hump : 0);
}

metrics::RunHeader header_of(const SyntheticRun& run) {
  metrics::RunHeader header;
  header.arm = run.arm;
  header.run_name = run.arm + " seed " + std::to_string(run.seed);
  header.seed = run.seed;
  header.learning_rate = run.learning_rate;
  header.budget = run.budget;
  header.model = "d 96, 4 layers, 3 heads, ffn 256, tied";
  header.parameters = 468'000;
  header.flops_per_position = run.flops_per_position;
  header.positions_per_step = kPositionsPerStep;
  header.sequence_length = 256;
  header.total_steps = run.total_steps;
  header.train_tokens = 88'000'000;
  const std::int64_t at = switch_step(run);
  if (at > 0) header.phases.push_back({0, at, run.bag_size, run.bag_size});
  header.phases.push_back({at, run.total_steps - at, 1, 1});
  header.threads = 2;
  header.device = "cpu";
  header.precision = "f32";
  header.cpu = "Synthetic CPU @ 2.0 GHz (avx2 avx512)";
  header.isa = run.isa;
  header.versions = {{"superpose", "0.1.0"}, {"libtorch", "2.13.0"}};
  header.settings = {
      {"train.steps", std::to_string(run.total_steps), false},
      {"phases", "[{bag_size = " + std::to_string(run.bag_size) + ", share = 0.3}]", false},
      {"optim.schedule", "\"wsd\"", false},
      {"optim.decay_share", "0.2", false},
      {"train.threads", "2", true}};
  header.fingerprints = run.fingerprints;
  header.command = "superpose compare recipes/demo.toml";
  header.started_at = "2026-05-19T08:30:00Z";
  return header;
}

metrics::StepRecord step_of_run(const SyntheticRun& run, std::int64_t step, std::mt19937& random) {
  metrics::StepRecord record;
  record.step = step;
  const bool superposed = step <= switch_step(run);
  record.phase = superposed || run.bag_size == 1 ? 0 : 1;
  record.bag_size = superposed ? run.bag_size : 1;
  record.target_size = record.bag_size;
  record.is_bag_loss = superposed;
  const double noise = 0.02 * (static_cast<double>(random()) / 4294967296.0 - 0.5);
  record.loss = superposed ? 2.3 + 1.2 / std::pow(1 + static_cast<double>(step) / 60, 0.5) + noise
                           : validation_loss(run, step) + noise;
  record.learning_rate = run.learning_rate;
  record.gradient_norm = 0.4;
  record.positions = kPositionsPerStep * step;
  record.raw_tokens = raw_tokens(run, step);
  record.seconds = seconds(run, step);
  record.wait_seconds = 0.002 * record.seconds;
  record.epoch = static_cast<double>(record.raw_tokens) / 88e6;
  if (run.has_scalars) {
    record.scalars = {{"update_ratio/matrix", 0.002}, {"update_ratio/vector", 0.004}};
  }
  if (run.routers) {
    record.scalars = {{"router/max_load", superposed ? 2 : 1.5},
                      {"router/entropy", superposed ? 1 : 1.25}};
  }
  return record;
}

// Falls from 0 to -1.2 over a tenth of the steps, through -0.5 at `copies_from`.
double copying(const SyntheticRun& run, std::int64_t step) {
  const double width = 0.1 * static_cast<double>(run.total_steps);
  const double at = static_cast<double>(step - run.copies_from) / width;
  return -1.2 * std::clamp(at + 0.4168, 0.0, 1.0);
}

metrics::ValidationRecord validation_of_run(const SyntheticRun& run, std::int64_t step) {
  metrics::ValidationRecord record;
  record.step = step;
  record.positions = kPositionsPerStep * step;
  record.raw_tokens = raw_tokens(run, step);
  record.seconds = seconds(run, step);
  record.loss = step == run.total_steps ? run.final_loss : validation_loss(run, step);
  record.loss_half_a = record.loss + run.half_a_offset;
  record.loss_half_b = record.loss - run.half_a_offset;
  record.perplexity = std::exp(record.loss);
  record.bits_per_byte = record.loss / std::log(2.0);
  record.evaluation_seconds = 0.6;
  if (run.copies_from > 0) record.copying = copying(run, step);
  if (run.says_scored) {
    record.scored = metrics::ScoredText{65'536, 63};
    record.scored_half_a = metrics::ScoredText{32'768, 31};
    record.scored_half_b = metrics::ScoredText{32'768, 32};
  }
  if (run.has_tasks) {
    const bool is_late = step > switch_step(run);
    record.samples = {
        {"def <main>(", is_late ? "self):\n    return 1 & 2" : "e e e </td>e", "length", 9},
        {"import ", is_late ? "os" : "eee", "end", 2}};
  }
  if (run.two_sets) {
    // Code is easier to predict, and superposition gains a third as much there.
    metrics::SetScore books{"books",
                            record.loss,
                            record.loss_half_a,
                            record.loss_half_b,
                            record.perplexity,
                            record.bits_per_byte,
                            record.scored,
                            record.scored_half_a,
                            record.scored_half_b};
    metrics::SetScore code;
    code.name = "code";
    code.loss = 0.6 + record.loss / 3;
    code.perplexity = std::exp(code.loss);
    code.bits_per_byte = code.loss / std::log(2.0);
    if (run.says_scored) code.scored = metrics::ScoredText{16'384, 7};
    record.sets = {books, code};
  }
  return record;
}

// Bits per byte are half the loss.
metrics::TaskRecord task_of_run(const SyntheticRun& run, const std::string& name,
                                std::int64_t step) {
  metrics::TaskRecord record;
  record.step = step;
  record.positions = kPositionsPerStep * step;
  record.raw_tokens = raw_tokens(run, step);
  record.seconds = seconds(run, step);
  record.name = name;
  record.items = 200;
  record.fingerprint = run.questions;
  const double loss = step == run.total_steps ? run.final_loss : validation_loss(run, step);
  record.scores = {{"acc", 0.9 - 0.1 * loss}, {"log_likelihood", -9 * loss}};
  record.errors = {{"acc", 0.03}, {"log_likelihood", 0.5}, {"bits_per_byte", 0.02}};
  if (name == "piqa") record.chance = {{"acc", 0.5}};
  record.chance.emplace_back("bits_per_byte", 2.5);
  record.scores.emplace_back("bits_per_byte", loss / 2);
  return record;
}

// Documents lie above and below the final loss in pairs of equal length; arms differ in how far.
void add_documents(const SyntheticRun& run, metrics::FinalScore& score) {
  const double distance = run.arm == "baseline" ? 0.05 : 0.04;
  for (std::int64_t i = 0; i < run.num_documents; ++i) {
    const std::int64_t tokens = 400 + 20 * (i / 2);
    const bool has_partner = i % 2 == 1 || i + 1 < run.num_documents;
    const double off = has_partner ? (i % 2 == 0 ? distance : -distance) : 0;
    score.document_tokens.push_back(tokens);
    score.document_nats.push_back(static_cast<double>(tokens) * (run.final_loss + off));
    score.tokens += tokens;
  }
}

metrics::FinalRecord final_scores_of_run(const SyntheticRun& run) {
  metrics::FinalRecord record;
  record.step = run.total_steps;
  metrics::FinalScore& score = record.sets.emplace_back();
  score.name = run.two_sets ? "books" : "held_out";
  score.loss = run.final_loss;
  score.loss_half_a = run.final_loss + run.half_a_offset;
  score.loss_half_b = run.final_loss - run.half_a_offset;
  score.bits_per_byte = run.final_loss / std::log(2.0);
  score.windows = 4096;
  add_documents(run, score);
  for (std::int64_t first = 0; first < 256; first = std::max<std::int64_t>(1, 2 * first)) {
    const std::int64_t end = std::max<std::int64_t>(1, 2 * first);
    score.by_position.push_back(
        {first, end, run.final_loss + 1.6 / static_cast<double>(1 + first)});
  }
  if (run.two_sets) {
    metrics::FinalScore& code = record.sets.emplace_back();
    code.name = "code";
    code.loss = 0.6 + run.final_loss / 3;
    code.tokens = 16'384;
    code.document_nats = {16'384 * code.loss};
    code.document_tokens = {16'384};
  }
  return record;
}

}  // namespace

std::vector<metrics::Record> synthetic_records(const SyntheticRun& run) {
  std::vector<metrics::Record> records = {header_of(run)};
  std::mt19937 random(static_cast<std::uint32_t>(run.seed));
  metrics::StepRecord before;
  const std::int64_t last = run.finished ? run.total_steps : run.total_steps / 2;
  if (run.first_step == 0) records.emplace_back(validation_of_run(run, 0));
  for (std::int64_t step = run.first_step + 1; step <= last; ++step) {
    if (step % static_cast<std::int64_t>(kLogEvery) == 0 || step == last) {
      metrics::StepRecord record = step_of_run(run, step, random);
      set_rates(record, before);
      before = record;
      records.emplace_back(record);
    }
    if (step == switch_step(run)) {
      records.emplace_back(
          metrics::EventRecord{step, metrics::EventKind::kSwitch, "bag size now 1"});
    }
    if (step % run.validate_every == 0 || step == last)
      records.emplace_back(validation_of_run(run, step));
    if (!run.has_tasks) continue;
    if (step % (2 * run.validate_every) == 0 || step == last)
      records.emplace_back(task_of_run(run, "piqa", step));
    if (step == run.total_steps) records.emplace_back(task_of_run(run, "words", step));
  }
  if (!run.finished) return records;
  if (run.num_documents > 0) records.emplace_back(final_scores_of_run(run));
  metrics::SummaryRecord summary;
  summary.step = last;
  summary.positions = kPositionsPerStep * last;
  summary.raw_tokens = raw_tokens(run, last);
  summary.seconds = seconds(run, last);
  summary.wait_seconds = before.wait_seconds;
  summary.evaluation_seconds = 24;
  summary.checkpoint_seconds = 1.5;
  summary.epochs = static_cast<double>(summary.raw_tokens) / 88e6;
  summary.finished_at = "2026-05-19T08:36:00Z";
  records.emplace_back(summary);
  return records;
}

void write_synthetic_run(const std::filesystem::path& folder, const SyntheticRun& run) {
  std::filesystem::create_directories(folder);
  metrics::JsonLinesSink sink(folder / "metrics.jsonl", -1);
  for (const metrics::Record& record : synthetic_records(run)) sink.write(record);
}

report::RunEntry add_synthetic_run(const std::filesystem::path& root, const SyntheticRun& run,
                                   report::Role role) {
  const char* kind = role == report::Role::kTuning  ? "tuning-"
                     : role == report::Role::kTrunk ? "trunk-"
                                                    : "";
  report::RunEntry entry;
  entry.arm = run.arm;
  entry.seed = run.seed;
  entry.learning_rate = run.learning_rate;
  entry.budget = run.budget;
  entry.role = role;
  entry.folder = kind + run.arm + "-seed" + std::to_string(run.seed) + "-rate" +
                 util::format_double(run.learning_rate) + "-budget" +
                 util::format_double(run.budget);
  write_synthetic_run(root / entry.folder, run);
  return entry;
}

}  // namespace superpose::test
