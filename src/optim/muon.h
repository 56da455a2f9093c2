// Muon: momentum, made orthogonal (Jordan 2024, kellerjordan.github.io/posts/muon).
#pragma once

#include "optim/optim_config.h"
#include "optim/rule.h"

namespace superpose::optim {

// With g = grad_scale * gradient, momentum mu, and a weight of [rows, columns]:
//
//   m  = mu m + (1 - mu) g
//   u  = orthogonal((1 - mu) g + mu m)
//   p *= 1 - lr * weight_decay
//   p -= lr * 0.2 sqrt(max(rows, columns)) * u
//
// The last factor gives an update the size of AdamW's, so that one learning rate serves both (Liu
// et al. 2025, arXiv 2502.16982, section 2.2). `orthogonal` is five Newton-Schulz iterations of the
// quintic a x + b x^3 + c x^5 on the matrix over its norm; singular values end between about 0.7
// and 1.2. As torch.optim.Muon with adjust_lr_fn = "match_rms_adamw", but with the
// iterations in f32, where torch has them in bf16.
//
// State: momentum (m).
class Muon : public Rule {
 public:
  explicit Muon(const OptimConfig& config) : config_(config) {}

  std::span<const std::string_view> states() const override;
  bool takes_whole_matrices() const override { return true; }
  // Weight, gradient and momentum are read, weight and momentum written; products apart.
  std::int64_t bytes_per_weight() const override { return 4 * (3 + 2); }
  void update(const RuleRange& range, const RuleStep& step) const override;

 private:
  OptimConfig config_;
};

// u of the formula above: the matrix [rows, columns] f32 with its singular values moved towards 1.
at::Tensor orthogonal(const at::Tensor& matrix);

}  // namespace superpose::optim
