// One AdamW update as an operator.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace superpose::ops {

struct AdamWStep {
  double learning_rate = 0;
  double beta1 = 0.9, beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0;  // decoupled
  double grad_scale = 1;    // multiplies the gradient as it is read
  std::int64_t step = 1;    // t, the number of this update, from 1
};

// One AdamW update in place (Loshchilov & Hutter 2019, algorithm 2), in this order, with
// g = grad_scale * gradient:
//
//   parameter  *= 1 - learning_rate * weight_decay
//   exp_avg     = beta1 exp_avg + (1 - beta1) g
//   exp_avg_sq  = beta2 exp_avg_sq + (1 - beta2) g^2
//   parameter  -= learning_rate / (1 - beta1^t) * exp_avg
//                 / (sqrt(exp_avg_sq) / sqrt(1 - beta2^t) + eps)
//   copy        = parameter, rounded to bf16 (undefined: no copy)
//
// The first four: f32, one shape, contiguous; copy is like them in bf16. On CPU one pass, the same
// bits for any number of threads; other devices take the formula in several. gradient is left as it
// is. Throws ValueError on a wrong shape, dtype or step.
void adamw_update(const at::Tensor& parameter, const at::Tensor& gradient,
                  const at::Tensor& exp_avg, const at::Tensor& exp_avg_sq, const AdamWStep& step,
                  const at::Tensor& copy = {});

}  // namespace superpose::ops
