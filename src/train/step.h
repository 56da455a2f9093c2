// One optimizer step, from a batch to changed weights.
#pragma once

#include <cstdint>
#include <vector>

#include "data/batch_source.h"
#include "distributed/collective.h"
#include "superposition/objective.h"
#include "train/learner.h"
#include "util/error.h"
#include "util/json_fields.h"

namespace superpose::train {

struct StepInput {
  superposition::Objective objective = superposition::Objective::kMultiHot;  // of the phase
  std::vector<double> slot_weights;  // [b] of the phase, sum 1
  double learning_rate = 0;
  std::int64_t micro_batch = 1;  // rows that go through the model at once
  bool wants_stop = false;       // this rank was told to stop
  bool measures = false;         // fills StepResult::scalars; set on recorded steps only
};

// Equal on every rank.
struct StepResult {
  double loss = 0;              // nats per target token, over the whole step
  double gradient_norm = 0;     // before clipping
  std::int64_t raw_tokens = 0;  // that the step read
  std::uint64_t ids_hash = 0;   // of the ids that the step read
  bool stop = false;            // some rank was told to stop
  // Further numbers by name, for the record: "update_ratio/matrix" (optim/update_ratio.h),
  // "router/3/entropy" (model/router.h), ...
  util::NumberPairs scalars = {};
};

// A loss or gradient that is not a finite number. Weights and optimizer are as before the step.
class NonFiniteError : public util::Error {
 public:
  using util::Error::Error;
};

// Adds the gradients of this rank's rows, and their loss to its step metric. The result does not
// depend on `input.micro_batch` but for the order of summation.
void accumulate_gradients(Learner& learner, const data::Batch& batch, const StepInput& input);

// The whole step; one collective. `batch` holds this rank's rows. Throws NonFiniteError before any
// weight changes.
StepResult train_step(Learner& learner, const data::Batch& batch, const StepInput& input,
                      distributed::Collective& collective);

}  // namespace superpose::train
