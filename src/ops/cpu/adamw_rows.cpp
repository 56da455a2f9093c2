#include "ops/cpu/adamw_rows.h"

namespace superpose::ops::cpu::SUPERPOSE_ISA {

void update_adamw(const AdamWRange& range) {
  float* parameter = range.parameter;
  float* exp_avg = range.exp_avg;
  float* exp_avg_sq = range.exp_avg_sq;
#pragma omp simd
  for (std::int64_t i = 0; i < range.size; ++i) {
    const float grad = range.gradient[i] * range.grad_scale;
    const float mean = range.beta1 * exp_avg[i] + range.rest1 * grad;
    const float square = range.beta2 * exp_avg_sq[i] + range.rest2 * grad * grad;
    exp_avg[i] = mean;
    exp_avg_sq[i] = square;
    // The instruction of the level: no call, and no errno to keep the loop scalar.
    const float root = __builtin_sqrtf(square) / range.root_correction + range.eps;
    parameter[i] = range.kept * parameter[i] - range.rate * mean / root;
  }
}

}  // namespace superpose::ops::cpu::SUPERPOSE_ISA
