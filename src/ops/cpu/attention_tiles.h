// What both directions of attention share: blocks of kQueries queries of one head go over the keys
// they attend to, tile by tile. Tiles, and what is summed over them, hold a query in each column
// (attention_rows.h); a transposed head (`transposed_` in names) is [h, positions].
//
// B rows, L positions, H query heads, K key/value heads, h head dim. A group is a key/value head
// of a row with its H / K query heads.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "ops/cpu/attention_rows.h"
#include "ops/cpu/tile_product.h"
#include "ops/cpu/transpose.h"

namespace superpose::ops::cpu {

// Keys of a tile: with its gradients it stays in the second-level cache.
inline constexpr std::int64_t kKeys = 128;

// Multiply-adds that are worth a thread.
inline constexpr std::int64_t kAttentionGrain = 1 << 20;

struct Range {
  std::int64_t begin, end;
  std::int64_t size() const { return end - begin; }
};

// Memory of one thread, on cache lines.
class Buffer {
 public:
  explicit Buffer(std::int64_t size)
      : memory_(at::empty({size}, at::kFloat)), data_(memory_.mutable_data_ptr<float>()) {}
  float* data() const { return data_; }

 private:
  at::Tensor memory_;
  float* data_;
};

// From one row of a transposed head to the next: not a power of two, or the rows would share a few
// sets of the first-level cache.
inline std::int64_t transposed_stride(std::int64_t length) { return (length + 15) / 16 * 16 + 16; }

// The positions of one head of one row of x [B, L, H or K, h], f32.
inline Matrix head_of(const at::Tensor& x, std::int64_t row, std::int64_t head) {
  const std::int64_t stride = x.size(2) * x.size(3);
  return {x.const_data_ptr<float>() + row * x.size(1) * stride + head * x.size(3), stride};
}

inline float* head_to_write(const at::Tensor& x, std::int64_t row, std::int64_t head) {
  return x.mutable_data_ptr<float>() + (row * x.size(1) * x.size(2) + head) * x.size(3);
}

inline Matrix rows_from(const Matrix& x, std::int64_t row) {
  return {x.data + row * x.stride, x.stride};
}

inline void copy_rows(const Matrix& from, std::int64_t rows, std::int64_t width, float* to,
                      std::int64_t to_stride) {
  for (std::int64_t row = 0; row < rows; ++row) {
    std::copy_n(from.data + row * from.stride, width, to + row * to_stride);
  }
}

// Queries [count, width] to [width, kQueries], with zeros in the columns beyond.
inline void transpose_queries(const Matrix& queries, std::int64_t count, std::int64_t width,
                              float* transposed) {
  transpose(queries, count, width, transposed, kQueries);
  if (count == kQueries) return;
  for (std::int64_t d = 0; d < width; ++d) {
    std::fill(transposed + d * kQueries + count, transposed + (d + 1) * kQueries, 0.0F);
  }
}

// The arguments of both directions, of one type and contiguous.
struct AttentionInputs {
  at::Tensor q;       // [B, L, H, h]
  at::Tensor k, v;    // [B, L, K, h]
  at::Tensor starts;  // [B, L] int64, or undefined

  std::int64_t length() const { return q.size(1); }
  std::int64_t width() const { return q.size(3); }
  std::int64_t heads_of_group() const { return q.size(2) / k.size(2); }
  std::int64_t num_blocks() const { return (length() + kQueries - 1) / kQueries; }
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(width())); }

  Range block(std::int64_t index) const {
    return {index * kQueries, std::min(length(), (index + 1) * kQueries)};
  }
  // The first key of each query, or null: 0.
  const std::int64_t* starts_of(std::int64_t row) const {
    return starts.defined() ? starts.const_data_ptr<std::int64_t>() + row * length() : nullptr;
  }
  // The keys that some query of a block attends to, from a multiple of kQueries on: few different
  // sizes of products.
  Range keys_of(std::int64_t row, const Range& queries) const {
    const std::int64_t* first = starts_of(row);
    return {first == nullptr ? 0 : first[queries.begin] / kQueries * kQueries, queries.end};
  }
};

inline AttentionInputs attention_inputs(const at::Tensor& q, const at::Tensor& k,
                                        const at::Tensor& v,
                                        const std::optional<at::Tensor>& starts,
                                        at::ScalarType type = at::kFloat) {
  const auto prepared = [type](const at::Tensor& x) { return x.to(type).contiguous(); };
  return {prepared(q), prepared(k), prepared(v), starts ? starts->contiguous() : at::Tensor()};
}

// The n-th block of a head to take up, of `count`: a long one and a short one alternately, so that
// threads that share a head get equal work.
inline std::int64_t balanced(std::int64_t n, std::int64_t count) {
  return n % 2 == 0 ? count - 1 - n / 2 : n / 2;
}

// Blocks of queries that are worth a thread.
inline std::int64_t grain_of(const AttentionInputs& in) {
  const std::int64_t work = kQueries * std::max<std::int64_t>(1, in.length() * in.width());
  return std::max<std::int64_t>(1, kAttentionGrain / work);
}

inline Range tile_of(const Range& keys, std::int64_t begin) {
  return {begin, std::min(keys.end, begin + kKeys)};
}

// Scores [keys, kQueries]: -infinity where a query does not attend to the key.
inline void mask_scores(const Range& keys, const Range& queries, const std::int64_t* starts,
                        float* scores) {
  constexpr float kLeftOut = -std::numeric_limits<float>::infinity();
  for (std::int64_t key = std::max(keys.begin, queries.begin + 1); key < keys.end; ++key) {
    std::fill_n(scores + (key - keys.begin) * kQueries, key - queries.begin, kLeftOut);
  }
  if (starts == nullptr) return;
  // Documents begin later and later: from some query on, a key is before the document.
  std::int64_t reach = queries.begin;
  for (std::int64_t key = keys.begin; key < keys.end; ++key) {
    while (reach < queries.end && starts[reach] <= key) ++reach;
    float* row = scores + (key - keys.begin) * kQueries;
    std::fill(row + (reach - queries.begin), row + kQueries, kLeftOut);
  }
}

}  // namespace superpose::ops::cpu
