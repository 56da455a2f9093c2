// The router of a mixture of experts: who goes where, and the losses that keep all experts in use.
//
//   N positions, B rows of L; E experts, k of each position; z [N, E] logits, p = softmax(z)
//   c_re  pairs of a position and its expert in row r that are of expert e
//   f_re  = E c_re / (k L), 1 where all experts are used equally; with BalanceScope::kStep it is
//         that of the whole step before, the same for every row, and 1 in the first step
//
//   balance loss  mean over rows r of sum_e f_re (mean over positions n of r of p_ne)
//   z-loss        mean over positions of logsumexp(z_n)^2
//
// Both means are over the whole step, so neither depends on micro-batches or ranks. f is a
// constant to the gradient (Fedus et al. 2021, "Switch Transformers", arXiv 2101.03961, eq. 4 to 6,
// divided by k; by row as in DeepSeek-V3, arXiv 2412.19437, eq. 17 to 20, with softmax for p).
// z-loss: Zoph et al. 2022, "ST-MoE", arXiv 2202.08906, eq. 5.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "model/balance_config.h"

namespace superpose::model {

// How much each position adds of the two losses: their weights over the positions of a step.
struct RouterLosses {
  double balance = 0;
  double z = 0;
  BalanceScope scope = BalanceScope::kSequence;
};

// What a router adds up over a step: c_e of all rows, then, over all positions, the entropy of p
// and the terms of both losses. [E + 3] f32; counts are exact up to 2^24.
std::int64_t router_sums_size(std::int64_t num_experts);

// What the sums of every router's name begins with (SumsSpec::name).
inline constexpr std::string_view kRouterSums = "router/";

struct RouterCall {
  std::int64_t k = 1;
  std::int64_t rows = 1;  // B
  RouterLosses losses;
  at::Tensor sums;       // added to
  at::Tensor last_sums;  // of the step before; all zero in the first
};

struct Routing {
  at::Tensor probabilities;  // [N, E], dtype of the logits
  at::Tensor experts;        // [N, k] int64, as ops::top_experts
};

// logits [N, E] f32 or f64. Where they are part of a graph, it adds to the sums, and backward adds
// the gradient of the losses; so a layer that is recomputed counts its positions once, in backward.
Routing route(const at::Tensor& logits, const RouterCall& call);

// Of the sums of a whole step.
struct RouterFigures {
  double max_load = 0;      // pairs of the expert that got most, over the mean of all experts
  double idle_share = 0;    // of the experts: those that got no position
  double entropy = 0;       // of p, nats, mean over positions; at most ln E
  double balance_loss = 0;  // without its weight
  double z_loss = 0;        // without its weight
};
RouterFigures router_figures(const at::Tensor& sums, std::int64_t k);

}  // namespace superpose::model
