// The mean of embedding rows, and its gradient without atomics.
//
// Forward is a gather: each bag is one task. Backward: bags_of_tokens.h.
#include "ops/cpu/bag_embedding_kernel.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdint>

#include "ops/cpu/bags_of_tokens.h"
#include "ops/cpu/parallel.h"
#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {
namespace {

// Elements of work that are worth a thread.
constexpr std::int64_t kGrain = 32768;

// Number of valid ids of a bag. Throws on an id out of range, before anything is read through it.
std::int64_t count_valid(const std::int64_t* bag, std::int64_t bag_size, std::int64_t vocabulary) {
  std::int64_t valid = 0;
  for (std::int64_t i = 0; i < bag_size; ++i) {
    TORCH_CHECK_VALUE(bag[i] >= -1 && bag[i] < vocabulary, "bag_embedding: expected ids in [0, ",
                      vocabulary, ") or -1, got ", bag[i]);
    valid += bag[i] >= 0 ? 1 : 0;
  }
  TORCH_CHECK_VALUE(valid > 0, "bag_embedding: expected at least one valid id in every bag, got ",
                    bag_size, " of padding");
  return valid;
}

template <class T, class Element>
void forward(const at::Tensor& weight, const at::Tensor& ids, const at::Tensor& out,
             void (*mean)(const MeanOfRows<T>&, T*)) {
  const std::int64_t width = weight.size(1);
  const std::int64_t vocabulary = weight.size(0);
  const std::int64_t bag_size = ids.size(2);
  const T* table = reinterpret_cast<const T*>(weight.const_data_ptr<Element>());
  T* result = reinterpret_cast<T*>(out.mutable_data_ptr<Element>());
  const std::int64_t* bags = ids.const_data_ptr<std::int64_t>();
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / (width * bag_size));
  at::parallel_for(0, ids.size(0) * ids.size(1), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t bag = begin; bag < end; ++bag) {
      const std::int64_t* bag_ids = bags + bag * bag_size;
      const std::int64_t valid = count_valid(bag_ids, bag_size, vocabulary);
      mean({table, width, bag_ids, bag_size, valid}, result + bag * width);
    }
  });
}

template <class T>
void add_gradient(const T* grad, std::int64_t width, const BagsOfTokens& sorted, float* out,
                  void (*add)(const ScaledRows<T>&, float*)) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::min(width, kBagColumns));
  at::parallel_for(0, bag_gradient_work(sorted, width), grain,
                   [&](std::int64_t begin, std::int64_t end) {
                     add_bag_gradient(grad, width, sorted, {begin, end}, out, add);
                   });
}

}  // namespace

at::Tensor bag_embedding_forward(const at::Tensor& weight, const at::Tensor& ids) {
  const at::Tensor table = weight.contiguous();
  const at::Tensor bags = ids.contiguous();
  const at::Tensor out = at::empty({ids.size(0), ids.size(1), weight.size(1)}, table.options());
  const BagRows& rows = active_bag_rows();
  if (weight.scalar_type() == at::kFloat) {
    forward<float, float>(table, bags, out, rows.mean_f32);
  } else {
    forward<Bf16, at::BFloat16>(table, bags, out, rows.mean_bf16);
  }
  return out;
}

void bag_embedding_add_gradient(const at::Tensor& grad, const at::Tensor& ids,
                                const at::Tensor& grad_weight) {
  const at::Tensor bags = ids.contiguous();
  const auto* id = bags.const_data_ptr<std::int64_t>();
  const std::int64_t num_bags = ids.size(0) * ids.size(1);
  for (std::int64_t bag = 0; bag < num_bags; ++bag) {
    count_valid(id + bag * ids.size(2), ids.size(2), grad_weight.size(0));
  }
  const BagsOfTokens sorted = sort_by_token(id, num_bags, ids.size(2), grad_weight.size(0));
  if (sorted.tokens.empty()) return;
  const at::Tensor gradient = grad.contiguous();
  const std::int64_t width = grad.size(2);
  float* out = grad_weight.mutable_data_ptr<float>();
  const BagRows& rows = active_bag_rows();
  if (grad.scalar_type() == at::kFloat) {
    add_gradient(gradient.const_data_ptr<float>(), width, sorted, out, rows.add_f32);
  } else {
    add_gradient(reinterpret_cast<const Bf16*>(gradient.const_data_ptr<at::BFloat16>()), width,
                 sorted, out, rows.add_bf16);
  }
}

}  // namespace superpose::ops::cpu
