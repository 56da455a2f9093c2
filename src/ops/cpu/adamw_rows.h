// The loop of AdamW's update; built once per instruction set as row_kernels.h says.
#pragma once

#include <cstdint>

namespace superpose::ops::cpu {

struct AdamWRange {
  float* parameter;
  const float* gradient;
  float* exp_avg;
  float* exp_avg_sq;
  std::int64_t size;
  float grad_scale, eps;
  float beta1, beta2;
  float rest1, rest2;     // 1 - beta1, 1 - beta2, subtracted in f64
  float kept;             // 1 - learning rate * weight decay
  float rate;             // learning rate / (1 - beta1^t)
  float root_correction;  // sqrt(1 - beta2^t)
};

using AdamWUpdate = void(const AdamWRange& range);

namespace isa_default {
AdamWUpdate update_adamw;
}  // namespace isa_default
namespace avx2 {
AdamWUpdate update_adamw;
}  // namespace avx2
namespace avx512 {
AdamWUpdate update_adamw;
}  // namespace avx512

// That of the level in force (kernels.h).
AdamWUpdate update_adamw;

}  // namespace superpose::ops::cpu
