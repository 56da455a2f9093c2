// Head and multi-hot cross-entropy without the matrix of logits, [N, V].
//
// Row block by row block: the block's logits (a product), then each row by one thread: log-sum-exp,
// loss, and the gradient with respect to the logits in place of the logits; then the two gradient
// products. So forward and backward together take three products, and one block of logits exists at
// a time (logit_block_rows). Losses of rows are added in row order, so that the sum does not depend
// on the number of threads.
#include "ops/cpu/multi_hot_kernel.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/cpu/bf16_rows.h"
#include "ops/cpu/parallel.h"
#include "ops/cpu/products.h"
#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {
namespace {

// Logits that are worth a thread.
constexpr std::int64_t kGrain = 16384;

// What all rows of a call share.
struct Rows {
  const CrossEntropyRows& kernels;
  std::int64_t vocabulary;
  std::int64_t num_slots;
  const std::int64_t* targets;  // [N, s]
  const float* coefficients;    // [s]
  std::int64_t ignore_index;
  double z_loss;
  float cap;  // 0: off
  bool gradient;
};

// Loss of one row; z [V] holds its logits, and on return their gradient if it is wanted. `slopes`
// is scratch, [s].
double cross_entropy_row(const Rows& rows, const std::int64_t* targets, float* z, float* slopes) {
  double share = 0;
  std::int64_t valid = 0;
  for (std::int64_t i = 0; i < rows.num_slots; ++i) {
    if (targets[i] == rows.ignore_index) continue;
    share += static_cast<double>(rows.coefficients[i]);
    ++valid;
  }
  if (valid == 0) {
    if (rows.gradient) std::fill_n(z, rows.vocabulary, 0.0F);
    return 0;
  }
  if (rows.cap > 0) rows.kernels.soft_cap(z, rows.vocabulary, rows.cap);
  double target_sum = 0;
  for (std::int64_t i = 0; i < rows.num_slots; ++i) {
    if (targets[i] == rows.ignore_index) continue;
    const float logit = z[targets[i]];
    target_sum += static_cast<double>(rows.coefficients[i]) * static_cast<double>(logit);
    slopes[i] = rows.cap > 0 ? 1 - (logit / rows.cap) * (logit / rows.cap) : 1.0F;
  }
  const float maximum = rows.kernels.maximum(z, rows.vocabulary);
  const bool store = rows.gradient && rows.cap == 0;
  const double sum = store ? rows.kernels.store_exp(z, rows.vocabulary, maximum)
                           : rows.kernels.sum_exp(z, rows.vocabulary, maximum);
  const double lse = static_cast<double>(maximum) + std::log(sum);
  if (rows.gradient) {
    const float factor = static_cast<float>(share * (1 + 2 * rows.z_loss * lse) / sum);
    if (store) {
      rows.kernels.scale(z, rows.vocabulary, factor);
    } else {
      rows.kernels.capped_gradient(z, rows.vocabulary, maximum, factor, rows.cap);
    }
    for (std::int64_t i = 0; i < rows.num_slots; ++i) {
      if (targets[i] != rows.ignore_index) z[targets[i]] -= rows.coefficients[i] * slopes[i];
    }
  }
  return share * (lse + rows.z_loss * lse * lse) - target_sum;
}

// Rows [begin, begin + block.size(0)) of the call: logits in `block` become their gradient; losses
// [N] are filled in.
void process_block(const Rows& rows, const at::Tensor& block, std::int64_t begin, double* losses) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / rows.vocabulary);
  const bool is_bf16 = block.scalar_type() == at::kBFloat16;
  at::parallel_for(0, block.size(0), grain, [&](std::int64_t first, std::int64_t last) {
    std::vector<float> slopes(static_cast<std::size_t>(rows.num_slots));
    std::vector<float> widened(static_cast<std::size_t>(is_bf16 ? rows.vocabulary : 0));
    for (std::int64_t row = first; row < last; ++row) {
      const std::int64_t* targets = rows.targets + (begin + row) * rows.num_slots;
      const std::int64_t offset = row * rows.vocabulary;
      if (!is_bf16) {
        float* z = block.mutable_data_ptr<float>() + offset;
        losses[begin + row] = cross_entropy_row(rows, targets, z, slopes.data());
        continue;
      }
      Bf16* logits = reinterpret_cast<Bf16*>(block.mutable_data_ptr<at::BFloat16>()) + offset;
      active_bf16_rows().to_f32(logits, rows.vocabulary, widened.data());
      losses[begin + row] = cross_entropy_row(rows, targets, widened.data(), slopes.data());
      if (rows.gradient) active_bf16_rows().to_bf16(widened.data(), rows.vocabulary, logits);
    }
  });
}

void check_values(const Rows& rows, std::int64_t num_rows) {
  for (std::int64_t i = 0; i < num_rows * rows.num_slots; ++i) {
    const std::int64_t target = rows.targets[i];
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

MultiHotResult multi_hot(const MultiHotProblem& p) {
  if (p.hidden.scalar_type() == at::kBFloat16 && !has_fast_bf16_products())
    return multi_hot_widened(p);
  const at::Tensor targets = p.targets.contiguous();
  const at::Tensor coefficients = p.coefficients.contiguous();
  const Rows rows{.kernels = active_cross_entropy_rows(),
                  .vocabulary = p.weight.size(0),
                  .num_slots = targets.size(1),
                  .targets = targets.const_data_ptr<std::int64_t>(),
                  .coefficients = coefficients.const_data_ptr<float>(),
                  .ignore_index = p.ignore_index,
                  .z_loss = p.z_loss,
                  .cap = static_cast<float>(p.logit_soft_cap),
                  .gradient = p.hidden_grad || p.grad_weight.defined()};
  const std::int64_t num_rows = p.hidden.size(0);
  check_values(rows, num_rows);

  const std::int64_t wanted = logit_block_rows(rows.vocabulary);
  const at::Tensor scratch =
      at::empty({std::min(wanted, num_rows), rows.vocabulary}, p.hidden.options());  // [R, V]
  const at::Tensor grad_hidden =
      at::empty(p.hidden_grad ? p.hidden.sizes() : at::IntArrayRef{0}, p.hidden.options());
  std::vector<double> losses(static_cast<std::size_t>(num_rows));
  for (std::int64_t begin = 0; begin < num_rows; begin += wanted) {
    const std::int64_t size = std::min(wanted, num_rows - begin);
    const at::Tensor hidden = p.hidden.narrow(0, begin, size);  // [R, D]
    const at::Tensor block = scratch.narrow(0, 0, size);
    times_transposed_out(hidden, p.weight, block);
    process_block(rows, block, begin, losses.data());
    if (p.hidden_grad) {
      times_out(block, p.weight, grad_hidden.narrow(0, begin, size));
    }
    if (p.grad_weight.defined()) add_transposed_product(block, hidden, p.grad_weight);
  }
  double loss = 0;
  for (const double row_loss : losses) loss += row_loss;
  return {.loss = at::scalar_tensor(loss, p.hidden.options().dtype(at::kFloat)),
          .grad_hidden = grad_hidden};
}

}  // namespace superpose::ops::cpu
