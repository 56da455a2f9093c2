#include <algorithm>
#include <cmath>

#include "ops/cpu/adamw_rows.h"
#include "ops/cpu/bf16_rows.h"
#include "ops/cpu/decoder_kernels.h"
#include "ops/cpu/element_rows.h"
#include "ops/cpu/parallel.h"

namespace superpose::ops::cpu {

void adamw_update(const at::Tensor& parameter, const at::Tensor& gradient,
                  const at::Tensor& exp_avg, const at::Tensor& exp_avg_sq, const AdamWStep& step,
                  const at::Tensor& copy) {
  const auto t = static_cast<double>(step.step);
  AdamWRange whole{};
  whole.grad_scale = static_cast<float>(step.grad_scale);
  whole.eps = static_cast<float>(step.eps);
  whole.beta1 = static_cast<float>(step.beta1);
  whole.beta2 = static_cast<float>(step.beta2);
  whole.rest1 = static_cast<float>(1 - step.beta1);
  whole.rest2 = static_cast<float>(1 - step.beta2);
  whole.kept = static_cast<float>(1 - step.learning_rate * step.weight_decay);
  whole.rate = static_cast<float>(step.learning_rate / (1 - std::pow(step.beta1, t)));
  whole.root_correction = static_cast<float>(std::sqrt(1 - std::pow(step.beta2, t)));
  at::parallel_for(0, parameter.numel(), kElementGrain, [&](std::int64_t begin, std::int64_t end) {
    // In ranges that are still in the first-level cache when they are copied.
    constexpr std::int64_t kPiece = 2048;
    for (std::int64_t at = begin; at < end; at += kPiece) {
      AdamWRange range = whole;
      range.parameter = write<float>(parameter) + at;
      range.gradient = read<float>(gradient) + at;
      range.exp_avg = write<float>(exp_avg) + at;
      range.exp_avg_sq = write<float>(exp_avg_sq) + at;
      range.size = std::min(kPiece, end - at);
      update_adamw(range);
      if (!copy.defined()) continue;
      active_bf16_rows().to_bf16(range.parameter, range.size, write<Bf16>(copy) + at);
    }
  });
}

}  // namespace superpose::ops::cpu
