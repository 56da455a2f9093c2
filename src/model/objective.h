// An objective: from the states of positions and their targets to a loss. One file each says which
// operator computes it and what that needs; objective.cpp lists them.
//
// N positions of a pass, D hidden_size, V vocabulary rows, b targets per position.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "model/model_config.h"

namespace superpose::model {

struct LossInput {
  at::Tensor states;        // [N, D] in the compute type
  at::Tensor weight;        // [V, D] of the head, in the compute type
  at::Tensor grad_weight;   // [V, D] f32, which its gradient is added to; undefined: not wanted
  at::Tensor targets;       // [N, b] int64, -100 = ignored
  at::Tensor coefficients;  // f32, of its terms: superposition::loss_coefficients
  double z_loss = 0;        // weight of the squared log of the softmax's denominator
};

// Every objective takes three products of the head: logits, and the gradients of states and weight.
struct Objective {
  std::string_view name;  // as a recipe has it
  // Scalar f32, terms times coefficients. With grad mode on, forward adds to grad_weight, and
  // backward passes on the gradient of the states; the loss itself must not be scaled.
  at::Tensor (*loss)(const LossInput& in);
  // Held while it is computed, on a CPU.
  std::int64_t (*scratch_bytes)(const ModelConfig& config, std::int64_t positions, bool bf16);
};

extern const Objective kMultiHotObjective;
extern const Objective kSetSumObjective;

// Throws c10::ValueError for a name that none of them has.
const Objective& find_objective(std::string_view name);

}  // namespace superpose::model
