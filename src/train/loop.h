// The training loop: steps, and what is due between them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/prefetcher.h"
#include "distributed/collective.h"
#include "metrics/records.h"
#include "metrics/sink.h"
#include "train/learner.h"
#include "train/run.h"
#include "train/run_state.h"
#include "train/setup.h"
#include "train/step.h"
#include "train/wait_watch.h"
#include "util/stop_signal.h"

namespace superpose::train {

// Everything is borrowed and outlives the loop.
struct LoopParts {
  const RunSpec& spec;
  const Setup& setup;
  Learner& learner;
  metrics::Sink& sink;  // takes nothing on ranks other than 0
  distributed::Collective& collective;
  const util::StopSignal& signal;
  std::vector<std::string> end_remarks = {};  // warnings when the run has ended (plan_checks.h)
};

// Runs from setup.start to setup.last_step, once. Between two steps, in this order: the step's
// record, validation, tasks, checkpoint; so a checkpoint finds all earlier records on disk. Where a
// record cannot be written, a checkpoint is tried before the run ends; what such a checkpoint lacks
// of a validation or a task is made up for at the resume.
class TrainingLoop {
 public:
  explicit TrainingLoop(const LoopParts& parts);

  RunResult run();

 private:
  void begin();
  void make_up_scores();
  void hand_over(superposition::Handover handover);
  StepResult do_step(const data::Batch& batch);
  void after_step(const StepResult& result, const data::Batch& batch);
  void finish();

  bool ends_phase(std::int64_t step) const;
  bool is_record_due(std::int64_t step) const;
  bool is_end() const;
  bool is_validation_due() const;
  bool is_task_due(const EvaluationTask& task) const;
  bool on_first_rank(bool answer) const;
  bool is_checkpoint_due() const;
  bool is_pinned_step() const;

  void write_record(const StepResult& result, double epoch);
  void validate();
  void score_due_tasks(const std::function<bool(const EvaluationTask&)>& is_wanted = {});
  void score_task(const EvaluationTask& task);
  void score_final();
  void save();
  std::optional<std::string> write_checkpoint(const std::filesystem::path& folder);
  std::string rescue();
  void note_end(metrics::EventKind kind, const std::string& text);
  void write(const metrics::Record& record);
  void write_summary();
  void write_event(metrics::EventKind kind, const std::string& text);
  RunState state() const;

  LoopParts parts_;
  const RunConfig& config_;
  const std::int64_t last_step_;
  std::int64_t step_;  // finished steps
  Clocks clocks_;
  std::unique_ptr<data::Prefetcher> prefetcher_;
  metrics::StepRecord last_record_;
  WaitWatch wait_watch_;
  bool said_no_link_ = false;
  bool said_superposed_ = false;
  RunResult result_;
};

}  // namespace superpose::train
