#include "ops/routing.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/floor_divide.h>
#include <ATen/ops/sort.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>

#include "ops/checks.h"

namespace superpose::ops {
namespace {

constexpr std::int64_t kRowsPerTask = 256;

// The k best of one row, by insertion: a score goes in front of smaller ones alone, so that of
// equal ones the first stays first.
template <class Scalar>
void select_row(const Scalar* scores, std::int64_t num_experts, std::int64_t k,
                std::vector<Scalar>& best, std::int64_t* experts) {
  std::int64_t filled = 0;
  for (std::int64_t expert = 0; expert < num_experts; ++expert) {
    const Scalar score =
        std::isnan(scores[expert]) ? -std::numeric_limits<Scalar>::infinity() : scores[expert];
    std::int64_t slot = filled;
    while (slot > 0 && score > best[static_cast<std::size_t>(slot - 1)]) --slot;
    if (slot == k) continue;
    filled = std::min(filled + 1, k);
    for (std::int64_t i = filled - 1; i > slot; --i) {
      best[static_cast<std::size_t>(i)] = best[static_cast<std::size_t>(i - 1)];
      experts[i] = experts[i - 1];
    }
    best[static_cast<std::size_t>(slot)] = score;
    experts[slot] = expert;
  }
}

template <class Scalar>
at::Tensor select_on_cpu(const at::Tensor& scores, std::int64_t k) {
  const std::int64_t num_experts = scores.size(1);
  const at::Tensor experts = at::empty({scores.size(0), k}, scores.options().dtype(at::kLong));
  const Scalar* in = scores.const_data_ptr<Scalar>();
  std::int64_t* out = experts.mutable_data_ptr<std::int64_t>();
  at::parallel_for(0, scores.size(0), kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    std::vector<Scalar> best(static_cast<std::size_t>(k));
    for (std::int64_t n = begin; n < end; ++n) {
      select_row(in + n * num_experts, num_experts, k, best, out + n * k);
    }
  });
  return experts;
}

PackedPairs pack_on_cpu(const at::Tensor& experts, std::int64_t num_experts) {
  const std::int64_t k = experts.size(1);
  const std::int64_t num_pairs = experts.numel();
  const at::Tensor dense = experts.contiguous();
  const std::int64_t* expert = dense.const_data_ptr<std::int64_t>();
  PackedPairs packed{at::empty({num_pairs}, experts.options()),
                     at::empty({num_pairs}, experts.options()), at::empty_like(dense),
                     std::vector<std::int64_t>(static_cast<std::size_t>(num_experts + 1))};
  for (std::int64_t pair = 0; pair < num_pairs; ++pair) {
    TORCH_CHECK_VALUE(expert[pair] >= 0 && expert[pair] < num_experts,
                      "pack_by_expert: expected experts in [0, ", num_experts, "), got ",
                      expert[pair]);
    ++packed.begins[static_cast<std::size_t>(expert[pair] + 1)];
  }
  for (std::size_t e = 1; e < packed.begins.size(); ++e) packed.begins[e] += packed.begins[e - 1];
  std::vector<std::int64_t> next = packed.begins;
  auto* positions = packed.positions.mutable_data_ptr<std::int64_t>();
  auto* pairs = packed.pairs.mutable_data_ptr<std::int64_t>();
  auto* rows = packed.rows.mutable_data_ptr<std::int64_t>();
  for (std::int64_t pair = 0; pair < num_pairs; ++pair) {
    const std::int64_t row = next[static_cast<std::size_t>(expert[pair])]++;
    positions[row] = pair / k;
    pairs[row] = pair;
    rows[pair] = row;
  }
  return packed;
}

PackedPairs pack_by_sorting(const at::Tensor& experts, std::int64_t num_experts) {
  const at::Tensor flat = experts.flatten();
  const at::Tensor pairs = std::get<1>(at::sort(flat, /*stable=*/std::optional<bool>(true)));
  const at::Tensor rows = at::empty_like(pairs);
  rows.scatter_(0, pairs, at::arange(flat.numel(), flat.options()));
  const at::Tensor counts = at::bincount(flat, {}, num_experts).to(at::kCPU);
  PackedPairs packed{at::floor_divide(pairs, experts.size(1)), pairs, rows.view_as(experts), {0}};
  for (std::int64_t e = 0; e < num_experts; ++e) {
    packed.begins.push_back(packed.begins.back() + counts[e].item<std::int64_t>());
  }
  return packed;
}

}  // namespace

at::Tensor top_experts(const at::Tensor& scores, std::int64_t k) {
  TORCH_CHECK_VALUE(scores.dim() == 2, "top_experts: expected scores [N, E], got ", scores.sizes());
  TORCH_CHECK_VALUE(k >= 1 && k <= scores.size(1), "top_experts: expected k in [1, ",
                    scores.size(1), "], got ", k);
  const at::ScalarType type = scores.scalar_type();
  TORCH_CHECK_VALUE(type == at::kFloat || type == at::kDouble,
                    "top_experts: expected scores of type float32 or float64, got ", type);
  const at::Tensor dense = scores.detach().contiguous();
  if (dense.is_cpu()) {
    return type == at::kFloat ? select_on_cpu<float>(dense, k) : select_on_cpu<double>(dense, k);
  }
  const at::Tensor order =
      std::get<1>(at::sort(dense, /*stable=*/true, /*dim=*/1, /*descending=*/true));
  return order.narrow(1, 0, k).contiguous();
}

PackedPairs pack_by_expert(const at::Tensor& experts, std::int64_t num_experts) {
  check_int64("pack_by_expert", "experts", experts);
  TORCH_CHECK_VALUE(experts.dim() == 2, "pack_by_expert: expected experts [N, k], got ",
                    experts.sizes());
  return experts.is_cpu() ? pack_on_cpu(experts, num_experts)
                          : pack_by_sorting(experts, num_experts);
}

}  // namespace superpose::ops
