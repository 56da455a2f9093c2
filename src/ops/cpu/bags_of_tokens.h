// The gradient of a mean of embedding rows, without atomics: the program's operator and that of
// python/compiled share it. Knows nothing of libtorch.
//
// It is a scatter in which frequent tokens collide: to add row by row from several threads needs
// atomics, whose order, and so whose bits, changes from run to run. Instead the pairs of bag and
// token are sorted by token (counting sort, O(ids + V)); each row of the gradient then has one
// owner, who adds its bags in the order of their positions. A token that makes up much of a batch
// would leave the other threads idle, so rows are also shared out by chunks of columns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {

// Columns of the gradient that one thread adds at a time; also how finely a frequent token's row is
// shared out.
inline constexpr std::int64_t kBagColumns = 256;

// The bags that hold each token, in the order of their positions: every row of the gradient has one
// owner and one order of summation for any number of threads.
struct BagsOfTokens {
  std::vector<std::int64_t> tokens;  // tokens that occur, ascending
  std::vector<std::int64_t> begin;   // where a token's bags begin in `bags`; one more than tokens
  std::vector<std::int64_t> bags;    // a bag appears as often as it holds the token
  std::vector<float> scale;          // by bag: 1 / number of valid ids
};

// ids [num_bags, bag_size], each in [0, vocabulary) or negative: left out; one valid in each bag.
inline BagsOfTokens sort_by_token(const std::int64_t* ids, std::int64_t num_bags,
                                  std::int64_t bag_size, std::int64_t vocabulary) {
  BagsOfTokens sorted;
  std::vector<std::int64_t> next(static_cast<std::size_t>(vocabulary), 0);
  sorted.scale.reserve(static_cast<std::size_t>(num_bags));
  for (std::int64_t bag = 0; bag < num_bags; ++bag) {
    std::int64_t valid = 0;
    for (std::int64_t i = 0; i < bag_size; ++i) {
      const std::int64_t token = ids[bag * bag_size + i];
      if (token < 0) continue;
      ++next[static_cast<std::size_t>(token)];
      ++valid;
    }
    sorted.scale.push_back(1.0F / static_cast<float>(valid));
  }
  std::int64_t total = 0;
  for (std::int64_t token = 0; token < vocabulary; ++token) {
    std::int64_t& count = next[static_cast<std::size_t>(token)];
    if (count == 0) continue;
    sorted.tokens.push_back(token);
    sorted.begin.push_back(total);
    total += std::exchange(count, total);
  }
  sorted.begin.push_back(total);
  sorted.bags.resize(static_cast<std::size_t>(total));
  for (std::int64_t bag = 0; bag < num_bags; ++bag) {
    for (std::int64_t i = 0; i < bag_size; ++i) {
      const std::int64_t token = ids[bag * bag_size + i];
      if (token < 0) continue;
      sorted.bags[static_cast<std::size_t>(next[static_cast<std::size_t>(token)]++)] = bag;
    }
  }
  return sorted;
}

// Units of work of the gradient, numbered column chunk by column chunk, sorted entry by sorted
// entry; and a range of them.
inline std::int64_t bag_gradient_work(const BagsOfTokens& sorted, std::int64_t width) {
  return (width + kBagColumns - 1) / kBagColumns * sorted.begin.back();
}

struct WorkRange {
  std::int64_t begin, end;
};

// out [V, D] += what the tokens that begin in the range get of grad [num_bags, D].
template <class T>
void add_bag_gradient(const T* grad, std::int64_t width, const BagsOfTokens& sorted,
                      WorkRange range, float* out, void (*add)(const ScaledRows<T>&, float*)) {
  const std::int64_t entries = sorted.begin.back();
  for (std::int64_t chunk = range.begin / entries; chunk * entries < range.end; ++chunk) {
    const std::int64_t column = chunk * kBagColumns;
    const std::int64_t size = std::min(kBagColumns, width - column);
    const std::int64_t first = std::max<std::int64_t>(0, range.begin - chunk * entries);
    const std::int64_t last = std::min(entries, range.end - chunk * entries);
    auto begin = std::lower_bound(sorted.begin.begin(), sorted.begin.end() - 1, first);
    for (; begin != sorted.begin.end() - 1 && *begin < last; ++begin) {
      const auto entry = static_cast<std::size_t>(begin - sorted.begin.begin());
      const std::int64_t token = sorted.tokens[entry];
      add({grad + column, width, sorted.bags.data() + *begin, sorted.scale.data(),
           *(begin + 1) - *begin, size},
          out + token * width + column);
    }
  }
}

}  // namespace superpose::ops::cpu
