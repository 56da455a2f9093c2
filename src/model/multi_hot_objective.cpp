// Cross-entropy of each target: the loss of the paper, and next-token prediction for b = 1.
#include <algorithm>

#include "model/objective.h"
#include "ops/multi_hot_linear_cross_entropy.h"
#include "ops/multi_hot_problem.h"

namespace superpose::model {
namespace {

at::Tensor loss(const LossInput& in) {
  return ops::multi_hot_linear_cross_entropy_accumulate(
      in.states, in.weight, in.targets, in.coefficients, in.grad_weight, {.z_loss = in.z_loss});
}

// Logits of a block of rows.
std::int64_t scratch_bytes(const ModelConfig& config, std::int64_t positions, bool bf16) {
  return std::min(positions, ops::logit_block_rows(config.vocab_size)) * config.vocab_size *
         (bf16 ? 2 : 4);
}

}  // namespace

const Objective kMultiHotObjective = {"multi_hot", &loss, &scratch_bytes};

}  // namespace superpose::model
