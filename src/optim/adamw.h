// AdamW with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).
#pragma once

#include "optim/optim_config.h"
#include "optim/rule.h"

namespace superpose::optim {

// With g = grad_scale * gradient, at the t-th update (from 1) of rate lr:
//
//   p *= 1 - lr * weight_decay
//   m  = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
//
// States: exp_avg (m), exp_avg_sq (v). One pass over memory on CPU (ops/adamw.h), element by
// element. Other devices take the same formula in a few passes.
class AdamW : public Rule {
 public:
  explicit AdamW(const OptimConfig& config) : config_(config) {}

  std::span<const std::string_view> states() const override;
  bool takes_whole_matrices() const override { return false; }
  // Weight, gradient and both states are read, all but the gradient are written.
  std::int64_t bytes_per_weight() const override { return 4 * (4 + 3); }
  void update(const RuleRange& range, const RuleStep& step) const override;

 private:
  OptimConfig config_;
};

}  // namespace superpose::optim
