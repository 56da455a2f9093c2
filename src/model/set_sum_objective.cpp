// Probability of the bag as a whole: -log of what the softmax gives to its distinct tokens.
#include "model/objective.h"
#include "ops/set_sum_linear_cross_entropy.h"

namespace superpose::model {
namespace {

at::Tensor loss(const LossInput& in) {
  return ops::set_sum_linear_cross_entropy_accumulate(
      in.states, in.weight, in.targets, in.coefficients, in.grad_weight, {.z_loss = in.z_loss});
}

std::int64_t scratch_bytes(const ModelConfig& config, std::int64_t positions, bool bf16) {
  return ops::set_sum_scratch_bytes(positions, config.vocab_size, config.hidden_size, bf16);
}

}  // namespace

const Objective kSetSumObjective = {"set_sum", &loss, &scratch_bytes};

}  // namespace superpose::model
