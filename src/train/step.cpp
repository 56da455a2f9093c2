#include "train/step.h"

#include <ATen/ops/from_blob.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <cmath>

#include "model/router.h"
#include "optim/gradient_norm.h"
#include "optim/update_ratio.h"
#include "train/step_metrics.h"

// R rows of this rank, L positions, a tokens averaged per position, b targets per position.
namespace superpose::train {
namespace {

// Runs a part of the step under a name that observers see (`superpose bench`, PyTorch's profiler).
template <class Run>
auto part(const char* name, const Run& run) {
  RECORD_USER_SCOPE(name);
  return run();
}

// The batch's own memory as a tensor, moved to the device where that is another one.
at::Tensor tensor_of(const std::vector<std::int64_t>& values, at::IntArrayRef shape,
                     at::Device device) {
  // from_blob wants a mutable pointer; nothing writes through it.
  auto* data = const_cast<std::int64_t*>(values.data());
  return at::from_blob(data, shape, at::kLong).to(device);
}

void check_finite(double loss, double gradient_norm) {
  if (!std::isfinite(loss)) throw NonFiniteError("loss is not finite, got " + std::to_string(loss));
  if (!std::isfinite(gradient_norm)) {
    throw NonFiniteError("gradient norm is not finite, got " + std::to_string(gradient_norm));
  }
}

// What the routers did in this step: each of them, then the most uneven load and the mean entropy.
void add_router_figures(const Learner& learner, util::NumberPairs& scalars) {
  double max_load = 0;
  double entropy = 0;
  int routers = 0;
  for (const model::SumsSpec& router : learner.parameters.sums_list()) {
    if (!router.name.starts_with(model::kRouterSums)) continue;
    const model::RouterFigures figures = model::router_figures(
        learner.parameters.sums(router.name), learner.decoder.config().moe.experts_per_token);
    scalars.emplace_back(router.name + "/max_load", figures.max_load);
    scalars.emplace_back(router.name + "/idle_share", figures.idle_share);
    scalars.emplace_back(router.name + "/entropy", figures.entropy);
    scalars.emplace_back(router.name + "/balance_loss", figures.balance_loss);
    scalars.emplace_back(router.name + "/z_loss", figures.z_loss);
    max_load = std::max(max_load, figures.max_load);
    entropy += figures.entropy;
    ++routers;
  }
  if (routers == 0) return;
  scalars.emplace_back("router/max_load", max_load);
  scalars.emplace_back("router/entropy", entropy / routers);
}

}  // namespace

void accumulate_gradients(Learner& learner, const data::Batch& batch, const StepInput& input) {
  const superposition::ObjectiveTraits& traits = superposition::traits_of(input.objective);
  const model::Objective& objective = model::find_objective(traits.name);
  const std::vector<float> coefficients =
      superposition::loss_coefficients(traits.terms, input.slot_weights, batch.counts);
  if (batch.rows == 0) return;  // more ranks than rows
  const at::Device device = learner.parameters.master().device();
  const std::int64_t length = batch.shape.sequence_length;
  // [R, L, a]
  const at::Tensor inputs =
      tensor_of(batch.inputs, {batch.rows, length, batch.shape.bags.bag_size}, device);
  const at::Tensor targets = tensor_of(
      batch.targets, {batch.rows, length, batch.shape.bags.target_size}, device);  // [R, L, b]
  const at::Tensor factors =
      at::from_blob(const_cast<float*>(coefficients.data()), std::ssize(coefficients), at::kFloat)
          .to(device);
  const at::Tensor starts =
      batch.document_starts.empty()
          ? at::Tensor()
          : tensor_of(batch.document_starts, {batch.rows, length}, device);  // [R, L]
  const at::Tensor total = StepMetrics(learner.parameters.mailbox()).sum(Metric::kLoss);
  for (std::int64_t row = 0; row < batch.rows; row += input.micro_batch) {
    const std::int64_t rows = std::min(input.micro_batch, batch.rows - row);
    const auto part_of = [row, rows](const at::Tensor& all) {
      return all.defined() ? all.narrow(0, row, rows) : all;
    };
    const at::Tensor loss =
        learner.decoder.loss({part_of(inputs), part_of(starts)}, part_of(targets), factors,
                             model::Gradients::kAccumulate, objective);
    loss.backward();
    total.add_(loss.detach());
  }
}

StepResult train_step(Learner& learner, const data::Batch& batch, const StepInput& input,
                      distributed::Collective& collective) {
  model::FlatParameters& parameters = learner.parameters;
  part("clear gradient", [&] { parameters.zero_gradient(); });
  accumulate_gradients(learner, batch, input);
  const StepMetrics metrics(parameters.mailbox());
  metrics.set(Metric::kStopVotes, input.wants_stop ? 1 : 0);
  metrics.set(Metric::kRawTokens, static_cast<std::uint64_t>(batch.raw_tokens));
  metrics.set(Metric::kIdsHash, batch.ids_hash);

  part("all-reduce", [&] { collective.all_reduce_sum(parameters.gradient_with_mailbox()); });

  const StepMetrics::Sums sums = metrics.read();
  StepResult result;
  result.loss = sums.float_of(Metric::kLoss);
  result.gradient_norm =
      part("gradient norm", [&] { return optim::gradient_norm(parameters.gradient()); });
  result.raw_tokens = static_cast<std::int64_t>(sums.integer_of(Metric::kRawTokens));
  result.ids_hash = sums.integer_of(Metric::kIdsHash);
  result.stop = sums.integer_of(Metric::kStopVotes) > 0;
  // Every rank holds the same sums, so all stop here or none does.
  check_finite(result.loss, result.gradient_norm);
  const at::Tensor before = input.measures ? parameters.master().clone() : at::Tensor();
  part("optimizer", [&] {
    learner.optimizer.step(input.learning_rate,
                           optim::clip_scale(result.gradient_norm, learner.clip_norm));
  });
  if (before.defined()) {
    for (const auto& [role, ratio] : optim::update_ratios(parameters, before)) {
      result.scalars.emplace_back("update_ratio/" + role, ratio);
    }
  }
  if (input.measures) add_router_figures(learner, result.scalars);
  parameters.keep_sums();
  return result;
}

}  // namespace superpose::train
