// Head and multi-hot cross-entropy without the matrix of logits, [N, V].
//
// Row block by row block: the block's logits (a product), then each row by one thread: log-sum-exp,
// loss, and the gradient with respect to the logits in place of the logits; then the two gradient
// products. So forward and backward together take three products, and one block of logits exists at
// a time (logit_block_rows). Losses of rows are added in row order, so that the sum does not depend
// on the number of threads.
//
// A bf16 gradient of the weight is one product over the blocks of all rows, which are then kept: it
// needs no sum in f32 as well, neither its memory nor the passes that clear, read and round it.
#include "ops/cpu/multi_hot_kernel.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/cpu/bf16_rows.h"
#include "ops/cpu/loss_row.h"
#include "ops/cpu/parallel.h"
#include "ops/cpu/products.h"

namespace superpose::ops::cpu {
namespace {

// Logits that are worth a thread.
constexpr std::int64_t kGrain = 16384;

// Rows [begin, begin + block.size(0)) of the call: logits in `block` become their gradient; losses
// [N] are filled in.
void process_block(const LossRows& rows, const std::int64_t* all_targets, const at::Tensor& block,
                   std::int64_t begin, double* losses) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / rows.vocabulary);
  const bool is_bf16 = block.scalar_type() == at::kBFloat16;
  at::parallel_for(0, block.size(0), grain, [&](std::int64_t first, std::int64_t last) {
    std::vector<float> slopes(static_cast<std::size_t>(rows.num_slots));
    std::vector<float> widened(static_cast<std::size_t>(is_bf16 ? rows.vocabulary : 0));
    for (std::int64_t row = first; row < last; ++row) {
      const std::int64_t* targets = all_targets + (begin + row) * rows.num_slots;
      const std::int64_t offset = row * rows.vocabulary;
      if (!is_bf16) {
        float* z = block.mutable_data_ptr<float>() + offset;
        losses[begin + row] = loss_row(rows, targets, z, slopes.data());
        continue;
      }
      Bf16* logits = reinterpret_cast<Bf16*>(block.mutable_data_ptr<at::BFloat16>()) + offset;
      active_bf16_rows().to_f32(logits, rows.vocabulary, widened.data());
      losses[begin + row] = loss_row(rows, targets, widened.data(), slopes.data());
      if (rows.gradient) active_bf16_rows().to_bf16(widened.data(), rows.vocabulary, logits);
    }
  });
}

void check_values(const LossRows& rows, const std::int64_t* targets, std::int64_t num_rows) {
  for (std::int64_t i = 0; i < num_rows * rows.num_slots; ++i) {
    const std::int64_t target = targets[i];
    TORCH_CHECK_VALUE((target >= 0 && target < rows.vocabulary) || target == rows.ignore_index,
                      "multi_hot_linear_cross_entropy: expected targets in [0, ", rows.vocabulary,
                      ") or ", rows.ignore_index, ", got ", target);
  }
  for (std::int64_t i = 0; i < rows.num_slots; ++i) {
    TORCH_CHECK_VALUE(rows.coefficients[i] >= 0 && std::isfinite(rows.coefficients[i]),
                      "multi_hot_linear_cross_entropy: expected finite coefficients >= 0, got ",
                      rows.coefficients[i]);
  }
}

MultiHotResult multi_hot_widened(MultiHotProblem problem) {
  problem.hidden = problem.hidden.to(at::kFloat);
  problem.weight = problem.weight.to(at::kFloat);
  MultiHotResult result = multi_hot(problem);
  result.grad_hidden = result.grad_hidden.to(at::kBFloat16);
  return result;
}

}  // namespace

bool writes_bf16_gradient(const at::Tensor& hidden) {
  return hidden.scalar_type() == at::kBFloat16 && has_fast_bf16_products() &&
         hidden.size(0) <= 2 * hidden.size(1);
}

MultiHotResult multi_hot(const MultiHotProblem& p) {
  if (p.hidden.scalar_type() == at::kBFloat16 && !has_fast_bf16_products())
    return multi_hot_widened(p);
  const at::Tensor targets = p.targets.contiguous();
  const at::Tensor coefficients = p.coefficients.contiguous();
  const LossRows rows{.kernels = active_cross_entropy_rows(),
                      .vocabulary = p.weight.size(0),
                      .num_slots = targets.size(1),
                      .coefficients = coefficients.const_data_ptr<float>(),
                      .ignore_index = p.ignore_index,
                      .z_loss = p.z_loss,
                      .cap = static_cast<float>(p.logit_soft_cap),
                      .gradient = p.hidden_grad || p.grad_weight.defined()};
  const auto* ids = targets.const_data_ptr<std::int64_t>();
  const std::int64_t num_rows = p.hidden.size(0);
  check_values(rows, ids, num_rows);

  const std::int64_t wanted = logit_block_rows(rows.vocabulary);
  const bool keeps_blocks = p.grad_weight.defined() && p.grad_weight.scalar_type() == at::kBFloat16;
  const std::int64_t held = keeps_blocks ? num_rows : std::min(wanted, num_rows);
  const at::Tensor scratch = at::empty({held, rows.vocabulary}, p.hidden.options());
  const at::Tensor grad_hidden =
      at::empty(p.hidden_grad ? p.hidden.sizes() : at::IntArrayRef{0}, p.hidden.options());
  std::vector<double> losses(static_cast<std::size_t>(num_rows));
  for (std::int64_t begin = 0; begin < num_rows; begin += wanted) {
    const std::int64_t size = std::min(wanted, num_rows - begin);
    const at::Tensor hidden = p.hidden.narrow(0, begin, size);                   // [R, D]
    const at::Tensor block = scratch.narrow(0, keeps_blocks ? begin : 0, size);  // [R, V]
    times_transposed_out(hidden, p.weight, block);
    process_block(rows, ids, block, begin, losses.data());
    if (p.hidden_grad) {
      times_out(block, p.weight, grad_hidden.narrow(0, begin, size));
    }
    if (p.grad_weight.defined() && !keeps_blocks) {
      add_transposed_product(block, hidden, p.grad_weight);
    }
  }
  if (keeps_blocks) {
    at::Tensor grad_weight = p.grad_weight;
    at::mm_out(grad_weight, scratch.t(), p.hidden);
  }
  double loss = 0;
  for (const double row_loss : losses) loss += row_loss;
  return {.loss = at::scalar_tensor(loss, p.hidden.options().dtype(at::kFloat)),
          .grad_hidden = grad_hidden};
}

}  // namespace superpose::ops::cpu
