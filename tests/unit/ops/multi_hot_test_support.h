// Inputs, reference and tolerances of the tests of the head and loss.
#pragma once

#include <ATen/ops/where.h>

#include <array>

#include "ops/multi_hot_linear_cross_entropy.h"
#include "support/tolerances.h"
#include "unit/ops/ops_test_support.h"

namespace superpose::ops::test {

struct MultiHotInputs {
  at::Tensor hidden, weight, targets, slot_weights;
};

// Hidden [N, D], weight [V, D] in [-1, 1), targets [N, s]. Row 0 is ignored in slot 0, row 1
// everywhere, where they exist.
inline MultiHotInputs make_inputs(std::array<std::int64_t, 4> sizes, at::ScalarType type,
                                  std::int64_t ids) {
  const auto [rows, width, vocabulary, slots] = sizes;
  MultiHotInputs in{uniform({rows, width}, type, 1), uniform({vocabulary, width}, type, 2),
                    integers(ids, {rows, slots}, 3),
                    uniform({slots}, at::kFloat, 4).abs_().add_(0.1)};
  if (rows > 2) {
    in.targets.select(0, 0).select(0, 0).fill_(-100);
    in.targets.select(0, 1).fill_(-100);
  }
  return in;
}

struct MultiHotOutcome {
  at::Tensor loss, grad_hidden, grad_weight;
};

inline MultiHotOutcome run(const MultiHotInputs& in, const MultiHotOptions& options,
                           double scale = 1) {
  const at::Tensor hidden = leaf(in.hidden);
  const at::Tensor weight = leaf(in.weight);
  const auto [loss, counts] =
      multi_hot_linear_cross_entropy(hidden, weight, in.targets, in.slot_weights, options);
  loss.mul(scale).backward();
  return {loss.detach(), hidden.grad(), weight.grad()};
}

// The header's definition, in float64, differentiable; coefficients [s] are what multiplies each
// slot's sum.
inline at::Tensor reference_sum(const at::Tensor& hidden, const at::Tensor& weight,
                                const at::Tensor& targets, const at::Tensor& coefficients,
                                const MultiHotOptions& options) {
  const std::int64_t valid_rows =
      options.num_valid_rows == -1 ? weight.size(0) : options.num_valid_rows;
  at::Tensor logits = hidden.mm(weight.narrow(0, 0, valid_rows).t());
  if (options.logit_soft_cap > 0) {
    logits = logits.div(options.logit_soft_cap).tanh().mul(options.logit_soft_cap);
  }
  const at::Tensor lse = logits.logsumexp({1}, true);
  const at::Tensor valid = targets.ne(options.ignore_index);
  const at::Tensor own = logits.gather(1, targets.masked_fill(valid.logical_not(), 0));
  return (lse + options.z_loss * lse.square() - own).mul(valid).mul(coefficients).sum();
}

inline at::Tensor reference_coefficients(const MultiHotInputs& in, const MultiHotOptions& options) {
  const at::Tensor counts = in.targets.ne(options.ignore_index).sum(0);
  const at::Tensor weights = in.slot_weights.to(at::kDouble).mul(counts.gt(0));
  return weights.div(weights.sum()).div(counts.clamp_min(1));
}

inline MultiHotOutcome reference(const MultiHotInputs& in, const MultiHotOptions& options) {
  const at::Tensor hidden = leaf(in.hidden.to(at::kDouble));
  const at::Tensor weight = leaf(in.weight.to(at::kDouble));
  const at::Tensor loss =
      reference_sum(hidden, weight, in.targets, reference_coefficients(in, options), options);
  loss.backward();
  return {loss.detach(), hidden.grad(), weight.grad()};
}

// Rounding of a logit: a sum of D products whose partial sums are about as large as the largest
// logit; bf16 logits are rounded to bf16 once more.
inline double logit_tolerance(const MultiHotInputs& in) {
  const double largest = max_abs(in.hidden.to(at::kDouble).mm(in.weight.to(at::kDouble).t()));
  const double sum = superpose::test::likely_sum_tolerance(
      epsilon(in.hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat), in.hidden.size(1),
      largest);
  return sum + superpose::test::rounding_tolerance(epsilon(in.hidden.scalar_type()), largest);
}

// The loss moves at most by twice a logit's error (times 1 + 2 z lse). A probability's relative
// error is twice a logit's; gradients are sums of probabilities, and their error is compared with
// their own largest element: a gradient of zeros would fail.
inline void expect_close(const MultiHotOutcome& ours, const MultiHotOutcome& exact,
                         const MultiHotInputs& in, const MultiHotOptions& options) {
  const double lse =
      std::log(static_cast<double>(in.weight.size(0))) + static_cast<double>(in.hidden.size(1));
  const double penalty = 1 + 2 * options.z_loss * lse;
  const double relative =
      penalty * (2 * logit_tolerance(in) + 8 * epsilon(in.hidden.scalar_type()));
  const double loss_rounding =
      4 * epsilon(ours.loss.scalar_type()) * (1 + options.z_loss * lse) * lse;
  EXPECT_LE(difference(ours.loss, exact.loss), 2 * penalty * logit_tolerance(in) + loss_rounding);
  // Where p - y cancels, what its terms were rounded by is left.
  const double cancelled = 4 * epsilon(ours.loss.scalar_type());
  EXPECT_LE(difference(ours.grad_hidden, exact.grad_hidden),
            relative * max_abs(exact.grad_hidden) + cancelled);
  EXPECT_LE(difference(ours.grad_weight, exact.grad_weight),
            relative * max_abs(exact.grad_weight) + cancelled);
}

}  // namespace superpose::ops::test
