#include "model/head.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>

#include <algorithm>
#include <tuple>

#include "ops/linear.h"
#include "ops/rms_norm.h"

namespace superpose::model {
namespace {

constexpr const char* kHead = "lm_head.weight";
constexpr const char* kNorm = "model.norm.weight";

// f32 logits that token_losses holds at a time: 64 MiB.
constexpr std::int64_t kLogitsAtOnce = std::int64_t{1} << 24;

// Calls use(first row, logits [rows, V]) for some rows of states [N, D] at a time. In f32 also
// where the decoder computes in bf16: rounded logits would blur what is compared.
template <class Use>
void by_block(const at::Tensor& states, const at::Tensor& weight, const Use& use) {
  const at::Tensor rows = states.to(at::kFloat);
  const at::Tensor head = weight.to(at::kFloat);
  const std::int64_t block = std::max<std::int64_t>(1, kLogitsAtOnce / head.size(0));
  for (std::int64_t begin = 0; begin < rows.size(0); begin += block) {
    const std::int64_t count = std::min(block, rows.size(0) - begin);
    use(begin, ops::linear_accumulate(rows.narrow(0, begin, count), head, {}));
  }
}

// -log p of ids [n], from logits [n, V].
at::Tensor losses_of(const at::Tensor& logits, const at::Tensor& ids) {
  return at::logsumexp(logits, 1) - logits.gather(1, ids.unsqueeze(1)).squeeze(1);
}

}  // namespace

BlockSpec head_spec(const ModelConfig& config) {
  const std::int64_t width = config.hidden_size;
  BlockSpec spec;
  if (!config.tied()) spec.weights.push_back({kHead, {config.vocab_size, width}, Role::kHead});
  spec.weights.push_back({kNorm, {width}, Role::kVector, false, Init::kOnes});
  spec.flops_per_position = 6 * static_cast<double>(config.vocab_size * width + width);
  // The last sum and its norm, and the gradient of both.
  spec.activations.elements = 4 * width;
  return spec;
}

std::vector<StepPart> head_parts(const ModelConfig& config, const StepShape& shape) {
  // All three products run in forward, whatever the objective; backward passes the gradient on.
  const double once = 2 * static_cast<double>(shape.positions) *
                      static_cast<double>(config.vocab_size * config.hidden_size);
  return {norm_part(config, shape), {"head and loss", {CostUnit::kFlops, 3 * once, 0, 0}}};
}

Head::Head(const ModelConfig& config, const FlatParameters& parameters, const Weight& embedding)
    : norm_eps_(config.norm_eps),
      head_(config.tied() ? embedding : weight_of(parameters, kHead)),
      norm_(weight_of(parameters, kNorm)) {}

at::Tensor Head::states(const Residual& in, Gradients gradients) const {
  RECORD_USER_SCOPE("norm");
  return std::get<1>(ops::add_rms_norm_accumulate(in.sum, in.update, norm_.value, norm_eps_,
                                                  norm_.wanted(gradients)));
}

at::Tensor Head::loss(const at::Tensor& states, const at::Tensor& targets,
                      const at::Tensor& coefficients, double z_loss, Gradients gradients,
                      const Objective& objective) const {
  RECORD_USER_SCOPE("head and loss");
  return objective.loss({.states = states,
                         .weight = head_.value,
                         .grad_weight = head_.wanted(gradients),
                         .targets = targets,
                         .coefficients = coefficients,
                         .z_loss = gradients == Gradients::kAccumulate ? z_loss : 0});
}

at::Tensor Head::token_losses(const at::Tensor& states, const at::Tensor& targets) const {
  const at::Tensor ignored = targets.eq(-100);
  const at::Tensor ids = targets.masked_fill(ignored, 0);
  const at::Tensor losses = at::empty(ids.sizes(), states.options().dtype(at::kFloat));
  by_block(states, head_.value, [&](std::int64_t begin, const at::Tensor& logits) {
    const std::int64_t count = logits.size(0);
    losses.narrow(0, begin, count).copy_(losses_of(logits, ids.narrow(0, begin, count)));
  });
  return losses.masked_fill(ignored, 0);
}

TokenScores Head::token_scores(const at::Tensor& states, const at::Tensor& ids) const {
  const TokenScores scores{at::empty(ids.sizes(), states.options().dtype(at::kFloat)),
                           at::empty(ids.sizes(), states.options().dtype(at::kBool))};
  by_block(states, head_.value, [&](std::int64_t begin, const at::Tensor& logits) {
    const at::Tensor here = ids.narrow(0, begin, logits.size(0));
    scores.losses.narrow(0, begin, logits.size(0)).copy_(losses_of(logits, here));
    scores.is_best.narrow(0, begin, logits.size(0)).copy_(logits.argmax(1).eq(here));
  });
  return scores;
}

at::Tensor Head::logits(const at::Tensor& states) const {
  return ops::linear_accumulate(states, head_.value, {}).to(at::kFloat);
}

}  // namespace superpose::model
