// AdamW with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2) over flat buffers.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "optim/optim_config.h"

namespace superpose::optim {

// Elements [begin, end) of the flat buffers, with or without weight decay.
struct Slice {
  std::int64_t begin = 0, end = 0;
  bool decays = true;
};

// With g = scale * gradient, at the t-th update (from 1) of rate lr:
//
//   p *= 1 - lr * weight_decay                                          in slices that decay
//   m  = beta1 m + (1 - beta1) g
//   v  = beta2 v + (1 - beta2) g^2
//   p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
//
// One pass over memory on CPU (ops/adamw.h), element by element: the same bits for any number of
// threads. Other devices take the same formula in a few passes.
class AdamW {
 public:
  // master and gradient: flat f32 of one length, kept by reference (storage is shared). Slices: in
  // order, without overlap; elements in no slice are never touched. copy: bf16, of the master's
  // first elements, where no slice ends within it; each update rounds them into it. Throws
  // c10::ValueError.
  AdamW(const OptimConfig& config, at::Tensor master, at::Tensor gradient,
        std::vector<Slice> slices, at::Tensor copy = {});

  // The whole state, for checkpoints: two flat f32 tensors of the master's length, and the number
  // of updates done.
  at::Tensor& exp_avg() { return exp_avg_; }
  at::Tensor& exp_avg_sq() { return exp_avg_sq_; }
  std::int64_t& step_count() { return step_count_; }

  // One update with gradients multiplied by grad_scale (clip_scale() of gradient_norm.h). Leaves
  // the gradient as it is.
  void step(double learning_rate, double grad_scale);

 private:
  OptimConfig config_;
  at::Tensor master_, gradient_, exp_avg_, exp_avg_sq_, copy_;
  std::vector<Slice> slices_;
  std::int64_t step_count_ = 0;
};

}  // namespace superpose::optim
