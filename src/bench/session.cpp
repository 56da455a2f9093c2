#include "bench/session.h"

#include "model/initialize.h"
#include "ops/product_ceiling.h"
#include "tokenizer/bytes.h"
#include "train/setup.h"
#include "train/step.h"
#include "util/clock.h"
#include "util/error.h"

namespace superpose::bench {
namespace {

constexpr double kCeilingSeconds = 0.5;

train::RunConfig checked(train::RunConfig config, const train::Machine& machine) {
  config.train.precision = train::choose_precision(
      config.train.precision, train::choose_device(config.train.device), machine);
  return config;
}

// The recipe's vocabulary, or that of bytes where it leaves it to the corpus.
model::ModelConfig resolved(const train::RunConfig& config) {
  constexpr std::int64_t kLeftToCorpus = 1;
  distributed::LocalCollective alone;
  const auto initial = train::find_initial_weights(config.model.init_from, {}, alone);
  model::ModelConfig model = model::resolve(
      initial ? train::with_initial_weights(config, *initial).model : config.model, kLeftToCorpus);
  if (model.vocab_size == kLeftToCorpus) model.vocab_size = tokenizer::kPaddedByteVocabulary;
  util::require(config.train.sequence_length <= model.max_positions,
                "train.sequence_length: must be <= model.max_positions (", model.max_positions,
                "), got ", config.train.sequence_length);
  return model;
}

// Until the device has done all that it was told: the copy waits in line behind it.
void wait_for(const train::Learner& learner) {
  const at::Tensor& master = learner.parameters.master();
  if (!master.is_cpu()) master.narrow(0, 0, 1).to(at::kCPU);
}

// For choose_micro_batch, which looks at what needs most memory in a run.
std::vector<superposition::Phase> phases_of(const std::vector<Case>& cases) {
  std::vector<superposition::Phase> phases;
  for (const Case& item : cases) {
    phases.push_back({.bags = item.bags, .objective = item.objective});
  }
  return phases;
}

}  // namespace

Session::Session(const train::RunConfig& config, const std::vector<std::int64_t>& bags,
                 const train::Machine& machine)
    : config_(checked(config, machine)),
      cases_(cases_of(bags, superposition::make_phases(config.phases, config.train.steps))),
      threads_(train::thread_count(config.train, /*processes=*/1)),
      thread_scope_(threads_),
      micro_batch_(train::choose_micro_batch(config_, resolved(config_), config_.train.precision,
                                             phases_of(cases_), /*world_size=*/1)),
      learner_(resolved(config_), config_.optim, config_.train.precision,
               train::choose_device(config_.train.device), train::decoder_options(config_)) {
  const BatchShape shape{config_.train.rows_per_step(), config_.train.sequence_length,
                         model().vocab_size};
  for (const Case& item : cases_) {
    batches_.push_back(random_batch(item, shape, static_cast<std::uint64_t>(config_.train.seed)));
  }
  reset();
}

void Session::reset() {
  learner_.optimizer.reset();
  model::initialize(learner_.parameters, model(), static_cast<std::uint64_t>(config_.train.seed));
}

TimedBlock Session::run(std::size_t index, std::int64_t steps) {
  train::StepInput input;
  input.objective = cases_.at(index).objective;
  input.slot_weights = cases_.at(index).slot_weights;
  input.learning_rate = config_.optim.learning_rate;
  input.micro_batch = micro_batch_;
  TimedBlock block;
  block.steps = steps;
  const double begin = util::steady_seconds();
  for (std::int64_t step = 0; step < steps; ++step) {
    block.losses.push_back(
        train::train_step(learner_, batches_.at(index), input, collective_).loss);
  }
  wait_for(learner_);
  block.seconds = util::steady_seconds() - begin;
  return block;
}

std::vector<PartTimes> Session::run_recorded(std::size_t index, std::int64_t steps) {
  if (!on_cpu()) return {};
  PartRecorder recorder;
  run(index, steps);
  std::vector<PartTimes> parts = recorder.finish();
  for (PartTimes& part : parts) {
    for (const auto field :
         {&PartTimes::forward, &PartTimes::backward, &PartTimes::weight_gradient}) {
      part.*field /= static_cast<double>(steps);
    }
  }
  return parts;
}

double Session::measure_ceiling() const {
  if (!on_cpu()) return 0;
  return ops::product_ceiling(is_bf16() ? at::kBFloat16 : at::kFloat, kCeilingSeconds);
}

}  // namespace superpose::bench
