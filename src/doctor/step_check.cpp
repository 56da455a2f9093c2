// How long a step takes and how much memory the process has held, from steps of one and of two
// micro-batches: a step is the first and, for each further one, their difference.
#include <algorithm>

#include "doctor/checks.h"
#include "doctor/subject.h"
#include "optim/schedule.h"
#include "train/speed.h"
#include "train/step.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/process.h"
#include "util/text.h"

namespace superpose::doctor {
namespace {

constexpr double kLongestStep = 120;  // seconds that a micro-batch may take
constexpr int kRepeats = 3;           // the fastest counts: other processes only ever add time

double seconds_of(Subject& subject, std::int64_t rows) {
  const superposition::Phase& phase = longest_bags(subject);
  const data::Batch batch = open_rows(subject, rows)->load(phase.first_step);
  const optim::OptimConfig& optim = subject.spec.config.optim;
  train::StepInput input;
  input.objective = phase.objective;
  input.slot_weights = phase.slot_weights;
  input.learning_rate = optim::learning_rate_at(optim, 0, subject.plan->total_steps);
  input.micro_batch = subject.plan->micro_batch;
  double fastest = 0;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const double begin = util::steady_seconds();
    train::train_step(*subject.learner, batch, input, subject.alone);
    const double seconds = util::steady_seconds() - begin;
    fastest = repeat == 0 ? seconds : std::min(fastest, seconds);
  }
  return fastest;
}

std::string describe_time(const train::Plan& plan, double step_seconds) {
  const double speed =
      plan.total_flops / static_cast<double>(plan.total_steps) / step_seconds;  // FLOP/s
  const double evaluation =
      plan.validation_flops + plan.final_score_flops + plan.task_flops + plan.sample_flops;
  return "a step takes " + util::format_duration(step_seconds) + ", the run about " +
         util::format_duration((plan.flops_left + evaluation) / speed) + ", of which " +
         util::format_duration(evaluation / speed) + " for validation";
}

}  // namespace

Outcome check_step(Subject& subject) {
  const train::Plan& plan = *subject.plan;
  const double micro_flops =
      plan.flops_per_position * static_cast<double>(plan.micro_batch * plan.sequence_length);
  const double guess = micro_flops / train::guess_speed(plan.threads, /*ranks=*/1).flops_per_second;
  if (guess > kLongestStep) {
    return {Status::kNotTried,
            "a micro-batch takes an estimated " + util::format_duration(guess) + " here",
            "lower train.micro_batch, or run the doctor on a faster machine"};
  }
  const std::int64_t rows = (plan.rows_per_step + plan.world_size - 1) / plan.world_size;
  const std::int64_t parts = (rows + plan.micro_batch - 1) / plan.micro_batch;
  double seconds = seconds_of(subject, std::min(rows, plan.micro_batch));
  if (parts > 1) {
    const double two = seconds_of(subject, std::min(rows, 2 * plan.micro_batch));
    seconds += std::max(0.0, two - seconds) * static_cast<double>(parts - 1);
  }
  std::string found = describe_time(plan, seconds);
  if (plan.world_size > 1) found += ", without what ranks wait for each other";
  const std::int64_t peak = util::peak_memory_bytes();
  found += "; " + util::format_bytes(static_cast<std::uint64_t>(peak)) +
           " of memory held at most so far, " +
           util::format_bytes(static_cast<std::uint64_t>(plan.memory.total())) + " expected";
  return {.found = found};
}

}  // namespace superpose::doctor
