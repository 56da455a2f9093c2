// The multi-hot cross-entropy of one row of logits and its gradient: what the program's operator
// and that of python/compiled do with a row. Knows nothing of libtorch.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {

// What all rows of a call share.
struct LossRows {
  const CrossEntropyRows& kernels;
  std::int64_t vocabulary;
  std::int64_t num_slots;
  const float* coefficients;  // [s]
  std::int64_t ignore_index;
  double z_loss;
  float cap;  // 0: off
  bool gradient;
};

// Loss of one row; z [V] holds its logits, and on return their gradient if it is wanted. `slopes`
// is scratch, [s].
inline double loss_row(const LossRows& rows, const std::int64_t* targets, float* z, float* slopes) {
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

}  // namespace superpose::ops::cpu
