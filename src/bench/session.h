// A model and its batches, ready to be trained for measuring.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/part_recorder.h"
#include "bench/workload.h"
#include "data/batch_source.h"
#include "distributed/collective.h"
#include "model/model_config.h"
#include "train/environment.h"
#include "train/learner.h"
#include "train/run_config.h"

namespace superpose::bench {

// Steps that were timed as one.
struct TimedBlock {
  std::int64_t steps = 0;
  double seconds = 0;
  std::vector<double> losses;  // of each step, before its update
};

// The step of `superpose train` on random ids, alone in its process. Every case has one batch,
// which each of its steps reads; all cases train the same weights.
class Session {
 public:
  // `bags` as cases_of has it. Sets the number of threads for as long as it lives. Throws
  // util::Error for a recipe that cannot be built, or a device that is not there.
  Session(const train::RunConfig& config, const std::vector<std::int64_t>& bags,
          const train::Machine& machine);

  const train::RunConfig& config() const { return config_; }  // precision is never kAuto
  const model::ModelConfig& model() const { return learner_.decoder.config(); }
  const std::vector<Case>& cases() const { return cases_; }
  const data::Batch& batch(std::size_t index) const { return batches_.at(index); }
  train::Learner& learner() { return learner_; }
  std::int64_t threads() const { return threads_; }
  std::int64_t micro_batch() const { return micro_batch_; }  // rows
  bool on_cpu() const { return learner_.parameters.master().is_cpu(); }
  bool is_bf16() const { return config_.train.precision == train::Precision::kBf16; }

  // Initial weights, no moments, no updates.
  void reset();

  // Trains for `steps` steps of a case, at the recipe's peak learning rate.
  TimedBlock run(std::size_t index, std::int64_t steps);

  // Mean seconds of a step by its parts, over `steps` recorded steps; empty off the CPU.
  std::vector<PartTimes> run_recorded(std::size_t index, std::int64_t steps);

  // FLOP/s of products in cache, in the compute type (ops/product_ceiling.h); 0 off the CPU.
  double measure_ceiling() const;

 private:
  train::RunConfig config_;
  std::vector<Case> cases_;
  std::int64_t threads_;
  train::ThreadScope thread_scope_;
  std::int64_t micro_batch_;
  train::Learner learner_;
  std::vector<data::Batch> batches_;
  distributed::LocalCollective collective_;
};

}  // namespace superpose::bench
