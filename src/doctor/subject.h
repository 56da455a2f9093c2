// The run that a recipe describes, as far as the checks have come with it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "data/batch_source.h"
#include "distributed/collective.h"
#include "distributed/planned_ranks.h"
#include "model/decoder.h"
#include "superposition/phases.h"
#include "train/learner.h"
#include "train/plan.h"
#include "train/run.h"
#include "train/setup.h"

namespace superpose::doctor {

// R rows, L positions, a tokens averaged per position, b targets per position.
struct BatchTensors {
  model::DecoderInput input;  // [R, L, a]
  at::Tensor targets;         // [R, L, b]
  at::Tensor coefficients;    // f32, of the phase's objective
};

// Everything is computed by rank 0 on its own; the others wait (doctor.h).
struct Subject {
  Subject(const train::RunSpec& run, distributed::Collective& all_ranks)
      : spec(run), ranks(all_ranks), alone(all_ranks.world_size()) {}

  const train::RunSpec& spec;
  distributed::Collective& ranks;          // those that run
  distributed::PlannedRanks alone;         // as many, of which rank 0 plans and computes its part
  std::optional<double> exchange_seconds;  // of a sum over the ranks; nothing where it failed
  std::string exchange_error;
  std::optional<train::Setup> setup;
  std::optional<train::Plan> plan;
  std::unique_ptr<train::Learner> learner;
  std::unique_ptr<const data::BatchSource> few_rows;  // the run's text, some rows per step
};

// As many rows as make up to 2,048 positions, one at least, and no more than a step has.
std::int64_t sample_rows(const Subject& subject);

// The run's text and phases from step 0 on, with `rows` rows per step: its rows are those that the
// run's first steps begin with. Needs the setup.
std::unique_ptr<const data::BatchSource> open_rows(const Subject& subject, std::int64_t rows);

// The first step of a phase, of few_rows.
data::Batch first_batch(const Subject& subject, const superposition::Phase& phase);

BatchTensors tensors_of(const data::Batch& batch, const superposition::Phase& phase,
                        at::Device device);

// "f32" is 24 bits, bf16 8: the unit that errors are counted in, 2^-23 or 2^-8.
double rounding_of(const Subject& subject);

// The longest bags of the run, or its first phase where it has none.
const superposition::Phase& longest_bags(const Subject& subject);

// "7.5e-08": two digits.
std::string brief(double value);

// "bags of 4", "next-token prediction", with the objective where it is not the usual one.
std::string describe(const superposition::Phase& phase);

}  // namespace superpose::doctor
