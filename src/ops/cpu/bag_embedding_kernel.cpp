// The mean of embedding rows, and its gradient without atomics.
//
// Forward is a gather: each bag is one task. Backward is a scatter in which frequent tokens
// collide: to add row by row from several threads needs atomics, whose order, and so whose bits,
// changes from run to run. Instead the pairs of bag and token are sorted by token (counting sort,
// O(ids + V)); each row of the gradient then has one owner, who adds its bags in the order of their
// positions. A token that makes up much of a batch would leave the other threads idle, so rows are
// also shared out by chunks of columns.
#include "ops/cpu/bag_embedding_kernel.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ops/cpu/parallel.h"
#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {
namespace {

// Elements of work that are worth a thread.
constexpr std::int64_t kGrain = 32768;

// Columns of the gradient that one thread adds at a time; also how finely a frequent token's row is
// shared out.
constexpr std::int64_t kColumns = 256;

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

// The bags that hold each token, in the order of their positions: a counting sort, so that every
// row of the gradient has one owner and one order of summation for any number of threads.
struct BagsOfTokens {
  std::vector<std::int64_t> tokens;  // tokens that occur, ascending
  std::vector<std::int64_t> begin;   // where a token's bags begin in `bags`; one more than tokens
  std::vector<std::int64_t> bags;    // a bag appears as often as it holds the token
  std::vector<float> scale;          // by bag: 1 / number of valid ids
};

BagsOfTokens sort_by_token(const at::Tensor& ids, std::int64_t vocabulary) {
  const std::int64_t* id = ids.const_data_ptr<std::int64_t>();
  const std::int64_t bag_size = ids.size(2);
  const std::int64_t num_bags = ids.size(0) * ids.size(1);
  BagsOfTokens sorted;
  std::vector<std::int64_t> next(static_cast<std::size_t>(vocabulary), 0);
  sorted.scale.resize(static_cast<std::size_t>(num_bags));
  for (std::int64_t bag = 0; bag < num_bags; ++bag) {
    const std::int64_t valid = count_valid(id + bag * bag_size, bag_size, vocabulary);
    sorted.scale[static_cast<std::size_t>(bag)] = 1.0F / static_cast<float>(valid);
    for (std::int64_t i = 0; i < bag_size; ++i) {
      const std::int64_t token = id[bag * bag_size + i];
      if (token >= 0) ++next[static_cast<std::size_t>(token)];
    }
  }
  std::int64_t total = 0;
  for (std::int64_t token = 0; token < vocabulary; ++token) {
    const std::int64_t count = next[static_cast<std::size_t>(token)];
    if (count == 0) continue;
    sorted.tokens.push_back(token);
    sorted.begin.push_back(total);
    next[static_cast<std::size_t>(token)] = total;
    total += count;
  }
  sorted.begin.push_back(total);
  sorted.bags.resize(static_cast<std::size_t>(total));
  for (std::int64_t bag = 0; bag < num_bags; ++bag) {
    for (std::int64_t i = 0; i < bag_size; ++i) {
      const std::int64_t token = id[bag * bag_size + i];
      if (token < 0) continue;
      sorted.bags[static_cast<std::size_t>(next[static_cast<std::size_t>(token)]++)] = bag;
    }
  }
  return sorted;
}

// Work is numbered column chunk by column chunk, sorted entry by sorted entry; a thread takes the
// tokens that begin in its part.
template <class T>
void add_gradient(const T* grad, std::int64_t width, const BagsOfTokens& sorted, float* out,
                  void (*add)(const ScaledRows<T>&, float*)) {
  const std::int64_t entries = sorted.begin.back();
  const std::int64_t chunks = (width + kColumns - 1) / kColumns;
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::min(width, kColumns));
  at::parallel_for(0, chunks * entries, grain, [&](std::int64_t work_begin, std::int64_t work_end) {
    for (std::int64_t chunk = work_begin / entries; chunk * entries < work_end; ++chunk) {
      const std::int64_t column = chunk * kColumns;
      const std::int64_t size = std::min(kColumns, width - column);
      const std::int64_t first = std::max<std::int64_t>(0, work_begin - chunk * entries);
      const std::int64_t last = std::min(entries, work_end - chunk * entries);
      auto begin = std::lower_bound(sorted.begin.begin(), sorted.begin.end() - 1, first);
      for (; begin != sorted.begin.end() - 1 && *begin < last; ++begin) {
        const std::int64_t token =
            sorted.tokens[static_cast<std::size_t>(begin - sorted.begin.begin())];
        add({grad + column, width, sorted.bags.data() + *begin, sorted.scale.data(),
             *(begin + 1) - *begin, size},
            out + token * width + column);
      }
    }
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
  const BagsOfTokens sorted = sort_by_token(ids.contiguous(), grad_weight.size(0));
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
