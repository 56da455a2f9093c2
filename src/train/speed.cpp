#include "train/speed.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <limits>

#include "model/initialize.h"
#include "optim/schedule.h"
#include "train/environment.h"
#include "train/learner.h"
#include "train/plan.h"
#include "train/run.h"
#include "train/setup.h"
#include "train/step.h"
#include "util/clock.h"

namespace superpose::train {
namespace {

// A training step's speed as a share of that of large f32 products. The demo's steps reach about
// this much on two cores; tiny models reach far less, and bf16 a few times more, so that no
// constant is near for all: describe() says so.
constexpr double kShareOfProductSpeed = 0.6;

// A dry run should not take longer than this for a step.
constexpr double kLongestStep = 5.0;
constexpr double kMeasuredSeconds = 1.0;
constexpr std::int64_t kFewestSteps = 2;
constexpr std::int64_t kMostSteps = 50;

// Takes steps one after the other, all of them on the batch of the run's next step.
class Trial {
 public:
  Trial(const RunSpec& spec, const Setup& setup, distributed::Collective& collective)
      : learner_(setup.model, spec.config.optim, setup.precision, setup.device,
                 decoder_options(spec.config)),
        batch_(setup.source->load(setup.start.state.step)),
        collective_(collective) {
    const std::int64_t step = setup.start.state.step;
    model::initialize(learner_.parameters, setup.model,
                      static_cast<std::uint64_t>(spec.config.train.seed));
    const superposition::Phase& phase = superposition::phase_at(setup.phases, step);
    input_.objective = phase.objective;
    input_.slot_weights = phase.slot_weights;
    input_.learning_rate =
        optim::learning_rate_at(spec.config.optim, step, spec.config.train.steps);
    input_.micro_batch = setup.environment.micro_batch;
  }

  // Mean seconds of a step.
  double take(std::int64_t steps) {
    const double begin = util::steady_seconds();
    for (std::int64_t i = 0; i < steps; ++i) train_step(learner_, batch_, input_, collective_);
    return (util::steady_seconds() - begin) / static_cast<double>(steps);
  }

 private:
  Learner learner_;
  data::Batch batch_;
  StepInput input_;
  distributed::Collective& collective_;
};

bool fits_into_memory(const Plan& plan) {
  return std::none_of(plan.findings.begin(), plan.findings.end(),
                      [](const Finding& finding) { return finding.check == Check::kMemory; });
}

// The number that rank 0 has come to.
std::int64_t agree(std::int64_t number, distributed::Collective& collective) {
  return std::stoll(collective.broadcast_text(std::to_string(number), 0));
}

}  // namespace

std::string describe(Speed::Source source) {
  if (source == Speed::Source::kSteps) return "from a few steps, measured just now";
  return "a rough estimate from the speed of matrix products; may be off by a factor of three, "
         "either way";
}

double measure_product_speed() {
  constexpr std::int64_t kSide = 768;
  constexpr double kFlopsEach = 2.0 * kSide * kSide * kSide;
  constexpr double kSeconds = 0.2;
  const at::Tensor a = at::ones({kSide, kSide});
  at::mm(a, a);  // the first call plans and allocates
  // The fastest one: other processes only ever add time.
  double fastest = std::numeric_limits<double>::infinity();
  for (const double begin = util::steady_seconds(); util::steady_seconds() - begin < kSeconds;) {
    const double now = util::steady_seconds();
    at::mm(a, a);
    fastest = std::min(fastest, util::steady_seconds() - now);
  }
  return kFlopsEach / fastest;
}

Speed guess_speed(std::int64_t threads, std::int64_t ranks) {
  const ThreadScope scope(threads);
  return {kShareOfProductSpeed * measure_product_speed() * static_cast<double>(ranks),
          Speed::Source::kProducts};
}

Speed measure_speed(const RunSpec& spec, const Setup& setup, const Plan& plan,
                    distributed::Collective& collective) {
  const Speed guess = guess_speed(plan.threads, plan.world_size);
  const double step_flops = plan.total_flops / static_cast<double>(plan.total_steps);
  const bool is_worth_it = plan.first_step < plan.last_step && fits_into_memory(plan) &&
                           step_flops / guess.flops_per_second < kLongestStep;
  if (agree(is_worth_it ? 1 : 0, collective) == 0) return guess;
  Trial trial(spec, setup, collective);
  trial.take(1);  // touches memory for the first time
  const double seconds = trial.take(1);
  const auto wanted = static_cast<std::int64_t>(kMeasuredSeconds / std::max(seconds, 1e-9));
  const std::int64_t steps = agree(std::clamp(wanted, kFewestSteps, kMostSteps), collective);
  return {step_flops / trial.take(steps), Speed::Source::kSteps};
}

}  // namespace superpose::train
