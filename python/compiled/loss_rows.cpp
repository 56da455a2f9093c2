// The rows of the loss: what src/ops/cpu/multi_hot_kernel.cpp does with a block of logits.
#include <torch/csrc/stable/ops.h>
#include <torch/headeronly/util/BFloat16.h>

#include <algorithm>
#include <vector>

#include "operators.h"
#include "ops/cpu/bf16_rows.h"
#include "ops/cpu/loss_row.h"

namespace superpose_compiled {
namespace {

using superpose::ops::cpu::active_bf16_rows;
using superpose::ops::cpu::active_cross_entropy_rows;
using superpose::ops::cpu::Bf16;
using superpose::ops::cpu::loss_row;
using superpose::ops::cpu::LossRows;
using torch::headeronly::ScalarType;

// Logits that are worth a thread.
constexpr std::int64_t kGrain = 16384;

}  // namespace

Tensor loss_rows(Tensor logits, Tensor targets, Tensor coefficients, double z_loss,
                 double logit_soft_cap, std::int64_t ignore_index, bool wants_grad) {
  STD_TORCH_CHECK(
      logits.dim() == 2 && targets.dim() == 2 && coefficients.dim() == 1 &&
          targets.size(0) == logits.size(0) && targets.size(1) == coefficients.size(0) &&
          logits.is_contiguous() && targets.is_contiguous() && coefficients.is_contiguous(),
      "superpose_compiled::loss_rows: expected contiguous logits [R, V], targets [R, s] "
      "and coefficients [s]");
  const std::int64_t num_rows = logits.size(0);
  const LossRows rows{.kernels = active_cross_entropy_rows(),
                      .vocabulary = logits.size(1),
                      .num_slots = targets.size(1),
                      .coefficients = coefficients.const_data_ptr<float>(),
                      .ignore_index = ignore_index,
                      .z_loss = z_loss,
                      .cap = static_cast<float>(logit_soft_cap),
                      .gradient = wants_grad};
  const auto* ids = targets.const_data_ptr<std::int64_t>();
  const bool is_bf16 = logits.scalar_type() == ScalarType::BFloat16;
  // Asked for here, where a wrong type is an error: inside the loop it would be one in a thread.
  auto* words =
      is_bf16 ? reinterpret_cast<Bf16*>(logits.mutable_data_ptr<torch::headeronly::BFloat16>())
              : nullptr;
  float* floats = is_bf16 ? nullptr : logits.mutable_data_ptr<float>();
  Tensor losses = torch::stable::new_empty(logits, {num_rows}, ScalarType::Float);
  auto* out = losses.mutable_data_ptr<float>();
  const std::int64_t grain =
      std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, rows.vocabulary));
  torch::stable::parallel_for(0, num_rows, grain, [&](std::int64_t first, std::int64_t last) {
    std::vector<float> slopes(static_cast<std::size_t>(rows.num_slots));
    std::vector<float> widened(static_cast<std::size_t>(is_bf16 ? rows.vocabulary : 0));
    for (std::int64_t row = first; row < last; ++row) {
      const std::int64_t offset = row * rows.vocabulary;
      float* z = is_bf16 ? widened.data() : floats + offset;
      if (is_bf16) active_bf16_rows().to_f32(words + offset, rows.vocabulary, z);
      out[row] = static_cast<float>(loss_row(rows, ids + row * rows.num_slots, z, slopes.data()));
      if (is_bf16 && wants_grad) active_bf16_rows().to_bf16(z, rows.vocabulary, words + offset);
    }
  });
  return losses;
}

}  // namespace superpose_compiled
