// The final norm and the head: from the residual stream to losses and logits.
#pragma once

#include <vector>

#include "model/block.h"
#include "model/objective.h"

namespace superpose::model {

BlockSpec head_spec(const ModelConfig& config);
std::vector<StepPart> head_parts(const ModelConfig& config, const StepShape& shape);

// What a model says of single tokens.
struct TokenScores {
  at::Tensor losses;   // [N] f32: -log p, nats
  at::Tensor is_best;  // [N] bool: no other token is likelier
};

class Head {
 public:
  // `embedding` is the embedding's table [V, D], and the head's weight where they are tied.
  Head(const ModelConfig& config, const FlatParameters& parameters, const Weight& embedding);

  // The stream with its last update added, and normed: [N, D] in the compute type.
  at::Tensor states(const Residual& in, Gradients gradients) const;

  // Of states [N, D] and targets [N, b]: as Decoder::loss.
  at::Tensor loss(const at::Tensor& states, const at::Tensor& targets,
                  const at::Tensor& coefficients, double z_loss, Gradients gradients,
                  const Objective& objective) const;

  // Of states [N, D] and targets [N] int64, -100 = ignored: -log p of each, [N] f32, 0 where
  // ignored, without a graph. Logits exist for some rows at a time.
  at::Tensor token_losses(const at::Tensor& states, const at::Tensor& targets) const;

  // The same of ids [N], none of them ignored, and whether each is the likeliest.
  TokenScores token_scores(const at::Tensor& states, const at::Tensor& ids) const;

  at::Tensor logits(const at::Tensor& states) const;  // [N, V] f32

  at::Device device() const { return head_.value.device(); }
  at::ScalarType compute_type() const { return head_.value.scalar_type(); }
  at::TensorOptions options() const { return head_.value.options(); }  // of states

 private:
  double norm_eps_;
  Weight head_, norm_;
};

}  // namespace superpose::model
