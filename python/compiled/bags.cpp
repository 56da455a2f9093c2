// The mean of embedding rows and its gradient, as src/ops/cpu/bag_embedding_kernel.cpp has them.
#include <torch/csrc/stable/ops.h>
#include <torch/headeronly/util/BFloat16.h>

#include <algorithm>

#include "operators.h"
#include "ops/cpu/bags_of_tokens.h"

namespace superpose_compiled {
namespace {

using superpose::ops::cpu::active_bag_rows;
using superpose::ops::cpu::bag_gradient_work;
using superpose::ops::cpu::BagRows;
using superpose::ops::cpu::BagsOfTokens;
using superpose::ops::cpu::Bf16;
using superpose::ops::cpu::kBagColumns;
using superpose::ops::cpu::MeanOfRows;
using superpose::ops::cpu::ScaledRows;
using superpose::ops::cpu::sort_by_token;
using torch::headeronly::BFloat16;
using torch::headeronly::ScalarType;

// Elements of work that are worth a thread.
constexpr std::int64_t kGrain = 32768;

template <class T>
void add_sorted(const T* grad, std::int64_t width, const BagsOfTokens& sorted, float* total,
                void (*add)(const ScaledRows<T>&, float*)) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::min(width, kBagColumns));
  torch::stable::parallel_for(
      0, bag_gradient_work(sorted, width), grain, [&](std::int64_t begin, std::int64_t end) {
        superpose::ops::cpu::add_bag_gradient(grad, width, sorted, {begin, end}, total, add);
      });
}

template <class T>
void mean(const T* table, std::int64_t width, const Tensor& bags, T* out,
          void (*mean_of_rows)(const MeanOfRows<T>&, T*)) {
  const std::int64_t bag_size = bags.size(1);
  const auto* ids = bags.const_data_ptr<std::int64_t>();
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / (width * bag_size));
  torch::stable::parallel_for(0, bags.size(0), grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t bag = first; bag < last; ++bag) {
      const std::int64_t* of_bag = ids + bag * bag_size;
      const std::int64_t num_valid =
          std::count_if(of_bag, of_bag + bag_size, [](std::int64_t id) { return id >= 0; });
      mean_of_rows({table, width, of_bag, bag_size, num_valid}, out + bag * width);
    }
  });
}

}  // namespace

Tensor mean_of_bags(Tensor weight, Tensor bags) {
  STD_TORCH_CHECK(weight.dim() == 2 && bags.dim() == 2,
                  "superpose_compiled::mean_of_bags: expected weight [V, D] and bags [B, s]");
  const Tensor table = torch::stable::contiguous(weight);
  const Tensor ids = torch::stable::contiguous(bags);
  const std::int64_t width = table.size(1);
  Tensor out = torch::stable::new_empty(table, {ids.size(0), width});
  const BagRows& rows = active_bag_rows();
  if (table.scalar_type() == ScalarType::BFloat16) {
    mean(reinterpret_cast<const Bf16*>(table.const_data_ptr<BFloat16>()), width, ids,
         reinterpret_cast<Bf16*>(out.mutable_data_ptr<BFloat16>()), rows.mean_bf16);
  } else {
    mean(table.const_data_ptr<float>(), width, ids, out.mutable_data_ptr<float>(), rows.mean_f32);
  }
  return out;
}

void add_bag_gradient(Tensor grad, Tensor bags, Tensor total) {
  STD_TORCH_CHECK(grad.dim() == 2 && bags.dim() == 2 && total.dim() == 2 &&
                      grad.size(0) == bags.size(0) && grad.size(1) == total.size(1) &&
                      total.is_contiguous(),
                  "superpose_compiled::add_bag_gradient: expected grad [B, D], bags [B, s] and a "
                  "contiguous total [V, D]");
  const Tensor gradient = torch::stable::contiguous(grad);
  const Tensor ids = torch::stable::contiguous(bags);
  const BagsOfTokens sorted =
      sort_by_token(ids.const_data_ptr<std::int64_t>(), ids.size(0), ids.size(1), total.size(0));
  if (sorted.tokens.empty()) return;
  auto* out = total.mutable_data_ptr<float>();
  const BagRows& rows = active_bag_rows();
  if (gradient.scalar_type() == ScalarType::BFloat16) {
    add_sorted(reinterpret_cast<const Bf16*>(gradient.const_data_ptr<BFloat16>()), gradient.size(1),
               sorted, out, rows.add_bf16);
  } else {
    add_sorted(gradient.const_data_ptr<float>(), gradient.size(1), sorted, out, rows.add_f32);
  }
}

}  // namespace superpose_compiled
