#include "model/head.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>

#include <algorithm>
#include <tuple>

#include "ops/linear.h"
#include "ops/multi_hot_linear_cross_entropy.h"
#include "ops/rms_norm.h"

namespace superpose::model {
namespace {

constexpr const char* kHead = "lm_head.weight";
constexpr const char* kNorm = "model.norm.weight";

// f32 logits that token_losses holds at a time: 64 MiB.
constexpr std::int64_t kLogitsAtOnce = std::int64_t{1} << 24;

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
  // All three products run in forward; backward passes the gradient on.
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
                      const at::Tensor& coefficients, double z_loss, Gradients gradients) const {
  RECORD_USER_SCOPE("head and loss");
  return ops::multi_hot_linear_cross_entropy_accumulate(
      states, head_.value, targets, coefficients, head_.wanted(gradients),
      {.z_loss = gradients == Gradients::kAccumulate ? z_loss : 0});
}

at::Tensor Head::token_losses(const at::Tensor& states, const at::Tensor& targets) const {
  // In f32 also where the decoder computes in bf16: rounded logits would blur what is compared.
  const at::Tensor rows = states.to(at::kFloat);
  const at::Tensor head = head_.value.to(at::kFloat).t();
  const at::Tensor column = targets.reshape({-1, 1});
  const at::Tensor ignored = column.eq(-100);
  const at::Tensor ids = column.masked_fill(ignored, 0);
  const at::Tensor losses = at::empty({column.size(0), 1}, rows.options());
  const std::int64_t block = std::max<std::int64_t>(1, kLogitsAtOnce / head.size(1));
  for (std::int64_t begin = 0; begin < column.size(0); begin += block) {
    const std::int64_t count = std::min(block, column.size(0) - begin);
    const at::Tensor logits = at::mm(rows.narrow(0, begin, count), head);
    losses.narrow(0, begin, count)
        .copy_(at::logsumexp(logits, 1, /*keepdim=*/true) -
               logits.gather(1, ids.narrow(0, begin, count)));
  }
  return losses.masked_fill(ignored, 0).view(-1);
}

at::Tensor Head::logits(const at::Tensor& states) const {
  return ops::linear_accumulate(states, head_.value, {}).to(at::kFloat);
}

}  // namespace superpose::model
