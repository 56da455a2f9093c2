#include "train/loop.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "eval/copying_probe.h"
#include "eval/final_score.h"
#include "eval/validation.h"
#include "model/initialize.h"
#include "optim/schedule.h"
#include "superposition/phases.h"
#include "train/checkpoints.h"
#include "train/records.h"
#include "train/run_folder.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/json_fields.h"
#include "util/process.h"
#include "util/text.h"

namespace superpose::train {
namespace {

// Epochs of each source of a mixture before a step.
util::NumberPairs source_epochs(const data::BatchSource& source, std::int64_t step) {
  util::NumberPairs epochs;
  if (source.sources().size() == 1) return epochs;
  for (std::size_t i = 0; i < source.sources().size(); ++i) {
    epochs.emplace_back(source.sources()[i].name, source.source_epoch_before(i, step));
  }
  return epochs;
}

std::string describe_switch(const superposition::Phase& next, superposition::Handover handover,
                            const superposition::StepSize& run) {
  std::string text = next.bags.is_ntp()
                         ? "to next-token prediction"
                         : "to bags of " + std::to_string(next.bags.bag_size) + ", targets of " +
                               std::to_string(next.bags.target_size);
  if (const auto name = superposition::told_name(next.objective); !name.empty()) {
    text += ", objective " + std::string(name);
  }
  if (next.sequence_length || next.batch_positions) {
    const superposition::StepSize size = superposition::size_of(next, run);
    text += ", " + std::to_string(size.rows) + " rows of " + std::to_string(size.sequence_length);
  }
  const char* lead = ", weights ";
  for (const auto& [name, weight] : next.weights) {
    text += lead + name + " " + util::format_double(weight);
    lead = ", ";
  }
  if (handover != superposition::Handover::kAll) {
    text += ", handing over " +
            std::string(superposition::kHandoverNames[static_cast<std::size_t>(handover)]);
  }
  return text;
}

// What a record of any kind says of where the run stands.
template <class Record>
void set_clocks(Record& record, std::int64_t step, const Clocks& clocks) {
  record.step = step;
  record.positions = clocks.positions;
  record.raw_tokens = clocks.raw_tokens;
  record.seconds = clocks.seconds;
}

// And when it was made.
template <class Record>
void set_times(Record& record, const Clocks& clocks) {
  record.time = metrics::utc_now();
  record.elapsed_seconds = clocks.elapsed_seconds();
}

metrics::FinalScore final_score(const eval::FinalWindows& windows, double document_cap,
                                const eval::FinalScore& score) {
  metrics::FinalScore record;
  record.name = windows.name;
  record.loss = score.loss;
  record.loss_half_a = score.loss_half_a;
  record.loss_half_b = score.loss_half_b;
  record.bits_per_byte = score.bits_per_byte;
  if (score.capped_loss) record.document_cap = document_cap;
  record.capped_loss = score.capped_loss;
  record.windows = windows.num_windows();
  record.tokens = score.tokens;
  for (const eval::PositionLoss& part : score.by_position) {
    record.by_position.push_back({part.first, part.end, part.loss});
  }
  for (const eval::DocumentLoss& document : score.by_document) {
    record.document_nats.push_back(document.nats);
    record.document_tokens.push_back(document.tokens);
  }
  return record;
}

// What the loss over these halves is the mean of; nothing where they have no window.
std::optional<metrics::ScoredText> scored_text(
    std::initializer_list<const eval::HalfWindows*> halves) {
  metrics::ScoredText text;
  for (const eval::HalfWindows* half : halves) {
    text.tokens += half->num_predicted();
    text.documents += half->num_documents;
  }
  return text.tokens > 0 ? std::optional(text) : std::nullopt;
}

bool is_multiple(std::int64_t step, std::int64_t every) { return every > 0 && step % every == 0; }

}  // namespace

TrainingLoop::TrainingLoop(const LoopParts& parts)
    : parts_(parts),
      config_(parts.spec.config),
      last_step_(parts.setup.last_step),
      step_(parts.setup.start.state.step),
      clocks_(parts.setup.start.state.clocks) {
  const data::BatchSource& source = *parts.setup.source;
  prefetcher_ =
      std::make_unique<data::Prefetcher>([&source](std::int64_t step) { return source.load(step); },
                                         step_, last_step_, config_.data.prefetch);
  set_clocks(last_record_, step_, clocks_);
  last_record_.wait_seconds = clocks_.wait_seconds;
  result_.checkpoint = parts.setup.start.kind == Start::Kind::kResume ? parts.setup.start.checkpoint
                                                                      : std::filesystem::path();
}

RunResult TrainingLoop::run() {
  begin();
  bool stop = false;
  while (step_ < last_step_ && !stop) {
    const double started = util::steady_seconds();
    const double waited_before = prefetcher_->waited_seconds();
    const data::Batch batch = prefetcher_->next();
    const StepResult result = do_step(batch);
    clocks_.wait_seconds += prefetcher_->waited_seconds() - waited_before;
    clocks_.seconds += util::steady_seconds() - started;
    stop = result.stop;
    ++step_;
    ++result_.steps_done_now;
    after_step(result, batch);
    if (stop && step_ < last_step_ && !is_checkpoint_due()) save();
  }
  if (step_ == last_step_) {
    finish();
  } else {
    result_.status = RunStatus::kStoppedBySignal;
  }
  result_.stop_requested = stop;
  result_.signal = stop ? parts_.signal.signal_number() : 0;
  result_.step = step_;
  return result_;
}

void TrainingLoop::begin() {
  if (parts_.setup.start.kind == Start::Kind::kResume) {
    // The process may have been killed between writing the checkpoint and pinning it.
    if (is_pinned_step() && parts_.collective.rank() == 0) {
      checkpoint::set_pinned(result_.checkpoint, true);
    }
    make_up_scores();
    return;
  }
  validate();
  score_due_tasks();
  if (is_pinned_step()) save();
}

// What the checkpoint was written without.
void TrainingLoop::make_up_scores() {
  RecordedScores recorded;
  if (parts_.collective.rank() == 0) recorded = recorded_scores(config_.run.dir, step_);
  if (is_validation_due() && !on_first_rank(recorded.has_validation)) validate();
  score_due_tasks([&](const EvaluationTask& task) {
    // The last record that a score writes.
    return !on_first_rank(
        std::count(recorded.tasks.begin(), recorded.tasks.end(), task.parts.back().name) > 0);
  });
}

// Before the first step of a phase; a checkpoint between the phases holds what was before.
void TrainingLoop::hand_over(superposition::Handover handover) {
  if (handover == superposition::Handover::kWeights) parts_.learner.optimizer.reset();
  if (handover == superposition::Handover::kLayers) {
    model::draw_embedding_and_head(parts_.learner.parameters, parts_.learner.decoder.config(),
                                   static_cast<std::uint64_t>(config_.train.seed), step_);
  }
}

StepResult TrainingLoop::do_step(const data::Batch& batch) {
  const std::vector<superposition::Phase>& phases = parts_.setup.phases;
  const superposition::Phase& phase = superposition::phase_at(phases, step_);
  hand_over(superposition::handover_before(phases, step_));
  StepInput input;
  input.objective = phase.objective;
  input.slot_weights = phase.slot_weights;
  input.learning_rate = optim::learning_rate_at(config_.optim, step_, config_.train.steps);
  input.micro_batch = superposition::rows_at_once(phase, parts_.setup.environment.micro_batch,
                                                  config_.train.step_size());
  input.wants_stop = parts_.signal.requested();
  input.measures = is_record_due(step_ + 1);
  try {
    return train_step(parts_.learner, batch, input, parts_.collective);
  } catch (const NonFiniteError& error) {
    std::ostringstream text;
    text << "train: step " << step_ + 1 << " of " << config_.train.steps << " (phase "
         << superposition::phase_index_at(phases, step_) + 1 << ", bag_size " << phase.bags.bag_size
         << "): " << error.what() << "; weights were not changed; last checkpoint: "
         << (result_.checkpoint.empty() ? "none" : result_.checkpoint.string())
         << ". Try a lower optim.learning_rate or a longer optim.warmup_steps.";
    note_end(metrics::EventKind::kError, text.str());
    throw util::Error(text.str());
  }
}

void TrainingLoop::after_step(const StepResult& result, const data::Batch& batch) {
  clocks_.positions += batch.step_positions;
  clocks_.raw_tokens += result.raw_tokens;
  clocks_.ids_hash += result.ids_hash;
  if (parts_.spec.on_step) {
    parts_.spec.on_step({step_, result.loss, result.gradient_norm, clocks_.ids_hash});
  }
  if (is_record_due(step_)) write_record(result, batch.epoch);
  if (ends_phase(step_) && step_ < config_.train.steps) {
    const superposition::Phase& next = superposition::phase_at(parts_.setup.phases, step_);
    write_event(metrics::EventKind::kSwitch,
                describe_switch(next, superposition::handover_before(parts_.setup.phases, step_),
                                config_.train.step_size()));
  }
  if (is_validation_due()) validate();
  score_due_tasks();
  if (is_checkpoint_due()) save();
}

void TrainingLoop::finish() {
  result_.status = end_status(parts_.spec, parts_.setup);
  if (result_.status == RunStatus::kReachedStop) return;
  score_final();
  for (const std::string& remark : parts_.end_remarks) {
    write_event(metrics::EventKind::kWarning, remark);
  }
  write_summary();
}

bool TrainingLoop::ends_phase(std::int64_t step) const {
  const std::vector<superposition::Phase>& phases = parts_.setup.phases;
  return std::any_of(phases.begin(), phases.end(),
                     [&](const superposition::Phase& phase) { return phase.end_step() == step; });
}

bool TrainingLoop::is_record_due(std::int64_t step) const {
  return step == 1 || step == last_step_ || ends_phase(step) ||
         is_multiple(step, config_.log.every);
}

// Whether the run is done, and does not stop on its way for others to branch from.
bool TrainingLoop::is_end() const {
  return step_ == last_step_ && end_status(parts_.spec, parts_.setup) != RunStatus::kReachedStop;
}

bool TrainingLoop::is_validation_due() const {
  return is_end() || is_multiple(step_, config_.evaluation.every);
}

bool TrainingLoop::is_task_due(const EvaluationTask& task) const {
  return is_end() || is_multiple(step_, task.every);
}

// What rank 0 says, on all of them.
bool TrainingLoop::on_first_rank(bool answer) const {
  return parts_.collective.broadcast_text(answer ? "yes" : "no", 0) == "yes";
}

bool TrainingLoop::is_checkpoint_due() const {
  return step_ == last_step_ || is_pinned_step() || is_multiple(step_, config_.checkpoint.every) ||
         (config_.checkpoint.at_switch && ends_phase(step_));
}

bool TrainingLoop::is_pinned_step() const {
  const std::vector<std::int64_t>& steps = parts_.spec.pinned_checkpoint_steps;
  return std::find(steps.begin(), steps.end(), step_) != steps.end();
}

void TrainingLoop::write_record(const StepResult& result, double epoch) {
  // Of the step just finished.
  const std::size_t index = superposition::phase_index_at(parts_.setup.phases, step_ - 1);
  const superposition::Phase& phase = parts_.setup.phases[index];
  metrics::StepRecord record;
  set_clocks(record, step_, clocks_);
  set_times(record, clocks_);
  record.phase = static_cast<std::int64_t>(index);
  record.bag_size = phase.bags.bag_size;
  record.target_size = phase.bags.target_size;
  record.loss = result.loss;
  record.is_bag_loss = phase.bags.target_size > 1;
  record.learning_rate = optim::learning_rate_at(config_.optim, step_ - 1, config_.train.steps);
  record.gradient_norm = result.gradient_norm;
  record.scalars = result.scalars;
  record.wait_seconds = clocks_.wait_seconds;
  record.epoch = epoch;
  record.source_epochs = source_epochs(*parts_.setup.source, step_);
  metrics::set_rates(record, last_record_);
  write(record);
  if (const auto warning = wait_watch_.add(record)) {
    write_event(metrics::EventKind::kWarning, *warning);
  }
  last_record_ = record;
}

void TrainingLoop::validate() {
  const double started = util::steady_seconds();
  metrics::ValidationRecord record;
  for (const eval::ValidationSet& set : parts_.setup.validation) {
    const eval::ValidationResult scores =
        eval::validate(parts_.learner.decoder, set, parts_.setup.device, parts_.collective);
    record.sets.push_back({.name = set.name,
                           .loss = scores.loss,
                           .loss_half_a = scores.loss_half_a,
                           .loss_half_b = scores.loss_half_b,
                           .perplexity = scores.perplexity,
                           .bits_per_byte = scores.bits_per_byte,
                           .scored = scored_text({&set.half_a, &set.half_b}),
                           .scored_half_a = scored_text({&set.half_a}),
                           .scored_half_b = scored_text({&set.half_b})});
  }
  const metrics::SetScore& primary = record.sets.front();
  set_clocks(record, step_, clocks_);
  record.loss = primary.loss;
  record.loss_half_a = primary.loss_half_a;
  record.loss_half_b = primary.loss_half_b;
  record.perplexity = primary.perplexity;
  record.bits_per_byte = primary.bits_per_byte;
  if (parts_.setup.copying_sequences.defined()) {
    record.copying = eval::score_copying(parts_.learner.decoder, parts_.setup.copying_sequences,
                                         parts_.collective)
                         .copying();
  }
  record.samples =
      continue_prompts(parts_.setup.prompts, parts_.learner.decoder, parts_.collective);
  record.scored = primary.scored;
  record.scored_half_a = primary.scored_half_a;
  record.scored_half_b = primary.scored_half_b;
  record.evaluation_seconds = util::steady_seconds() - started;
  clocks_.evaluation_seconds += record.evaluation_seconds;
  set_times(record, clocks_);
  write(record);
  result_.validation = record;
}

void TrainingLoop::score_due_tasks(const std::function<bool(const EvaluationTask&)>& is_wanted) {
  for (const EvaluationTask& task : parts_.setup.tasks) {
    if (is_task_due(task) && (!is_wanted || is_wanted(task))) score_task(task);
  }
}

void TrainingLoop::score_task(const EvaluationTask& task) {
  const bool is_superposed =
      step_ > 0 && !superposition::phase_at(parts_.setup.phases, step_ - 1).bags.is_ntp();
  if (is_superposed && !std::exchange(said_superposed_, true)) {
    write_event(metrics::EventKind::kWarning,
                "tasks are scored inside superposition: the model was trained on bags, and the "
                "scores are of single tokens");
  }
  const double started = util::steady_seconds();
  std::vector<metrics::TaskRecord> records =
      train::score_task(task, parts_.learner.decoder, parts_.collective);
  const double seconds = util::steady_seconds() - started;
  clocks_.evaluation_seconds += seconds;
  for (metrics::TaskRecord& record : records) {
    set_clocks(record, step_, clocks_);
    // What all took together counts once.
    record.evaluation_seconds = &record == &records.front() ? seconds : 0;
    set_times(record, clocks_);
    write(record);
  }
}

void TrainingLoop::score_final() {
  if (parts_.setup.final_windows.empty()) return;
  const double started = util::steady_seconds();
  metrics::FinalRecord record;
  set_clocks(record, step_, clocks_);
  for (const eval::FinalWindows& windows : parts_.setup.final_windows) {
    record.sets.push_back(
        final_score(windows, config_.evaluation.document_cap,
                    eval::score_final(parts_.learner.decoder, windows,
                                      config_.evaluation.document_cap, parts_.collective)));
  }
  record.evaluation_seconds = util::steady_seconds() - started;
  clocks_.evaluation_seconds += record.evaluation_seconds;
  set_times(record, clocks_);
  write(record);
}

// Rank 0. Returns why there is no link to it, where there is none.
std::optional<std::string> TrainingLoop::write_checkpoint(const std::filesystem::path& folder) {
  save_checkpoint(folder, parts_.learner, state(),
                  {parts_.setup.tokenizer, parts_.setup.corpus_record});
  if (is_pinned_step()) checkpoint::set_pinned(folder / checkpoint::folder_name(step_), true);
  if (config_.checkpoint.keep > 0) checkpoint::prune(folder, config_.checkpoint.keep);
  return checkpoint::link_latest(folder);
}

// Why the run ends here, for its records, where the disk has room for that.
void TrainingLoop::note_end(metrics::EventKind kind, const std::string& text) {
  try {
    parts_.sink.write(metrics::EventRecord{step_, kind, text, metrics::utc_now()});
  } catch (const util::Error&) {
    // The error that follows says why.
  }
}

void TrainingLoop::save() {
  const double started = util::steady_seconds();
  const std::filesystem::path folder = checkpoints_folder(config_.run.dir);
  std::optional<std::string> no_link;
  if (parts_.collective.rank() == 0) {
    try {
      no_link = write_checkpoint(folder);
    } catch (const util::Error& error) {
      // No error event: that is a run whose numbers went wrong.
      note_end(metrics::EventKind::kWarning, std::string("the run ends here: ") + error.what());
      throw;
    }
  }
  parts_.collective.barrier();
  result_.checkpoint = folder / checkpoint::folder_name(step_);
  clocks_.checkpoint_seconds += util::steady_seconds() - started;
  write_event(metrics::EventKind::kCheckpoint, result_.checkpoint.string());
  if (no_link && !std::exchange(said_no_link_, true)) {
    write_event(metrics::EventKind::kWarning, "no link to the newest checkpoint: " + *no_link);
  }
}

// Rank 0, where a record could not be written: saves the steps since the last checkpoint, if that
// can be done, and says what there is to continue from.
std::string TrainingLoop::rescue() {
  const std::filesystem::path folder = checkpoints_folder(config_.run.dir);
  const std::filesystem::path here = folder / checkpoint::folder_name(step_);
  if (result_.checkpoint == here || result_.steps_done_now == 0) {
    return "last checkpoint: " +
           (result_.checkpoint.empty() ? "none" : result_.checkpoint.string());
  }
  try {
    write_checkpoint(folder);
    return "saved " + here.string() + " first, from which the same command resumes";
  } catch (const util::Error& error) {
    return std::string("saving a checkpoint failed, too: ") + error.what();
  }
}

void TrainingLoop::write(const metrics::Record& record) {
  try {
    parts_.sink.write(record);
  } catch (const util::Error& error) {
    util::fail(error.what(), "; ", rescue());
  }
}

void TrainingLoop::write_summary() {
  metrics::SummaryRecord record;
  set_clocks(record, step_, clocks_);
  record.wait_seconds = clocks_.wait_seconds;
  record.evaluation_seconds = clocks_.evaluation_seconds;
  record.checkpoint_seconds = clocks_.checkpoint_seconds;
  record.epochs = parts_.setup.source->epoch_before(step_);
  record.source_epochs = source_epochs(*parts_.setup.source, step_);
  record.peak_memory_bytes = util::peak_memory_bytes();
  record.finished_at = metrics::utc_now();
  write(record);
}

void TrainingLoop::write_event(metrics::EventKind kind, const std::string& text) {
  write(metrics::EventRecord{step_, kind, text, metrics::utc_now()});
}

RunState TrainingLoop::state() const {
  const Setup& setup = parts_.setup;
  RunState state;
  state.step = step_;
  state.phase = static_cast<std::int64_t>(
      superposition::phase_index_at(setup.phases, std::min(step_, config_.train.steps - 1)));
  state.optimizer_updates = parts_.learner.optimizer.step_count();
  state.consumed = setup.source->consumption_before(step_);
  state.layout = setup.start.state.layout;
  state.sources = setup.start.state.sources;
  state.corpus_fingerprint = setup.corpus.fingerprint;
  state.clocks = clocks_;
  state.environment = setup.environment;
  state.parents = setup.start.state.parents;
  state.settings = parts_.spec.settings;
  return state;
}

}  // namespace superpose::train
