// What attention_tiles.h does for f32, with operands of bf16. An odd head dim is filled up to an
// even one with zeros, so that two of its elements make a word (bf16_rows.h).
//
// w words of a position of a head, ceil(h / 2).
#pragma once

#include "ops/cpu/attention_tiles.h"
#include "ops/cpu/bf16_tiles.h"

namespace superpose::ops::cpu {

inline Bf16Matrix bf16_head_of(const at::Tensor& x, std::int64_t row, std::int64_t head) {
  const std::int64_t stride = x.size(2) * x.size(3);
  const auto* data = reinterpret_cast<const Bf16*>(x.const_data_ptr<at::BFloat16>());
  return {data + row * x.size(1) * stride + head * x.size(3), stride};
}

inline Bf16* bf16_head_to_write(const at::Tensor& x, std::int64_t row, std::int64_t head) {
  auto* data = reinterpret_cast<Bf16*>(x.mutable_data_ptr<at::BFloat16>());
  return data + (row * x.size(1) * x.size(2) + head) * x.size(3);
}

inline Bf16Matrix rows_from(const Bf16Matrix& x, std::int64_t row) {
  return {x.data + row * x.stride, x.stride};
}

// [rows, w] words, closer together than in a tensor.
inline void copy_words(const Bf16Matrix& from, std::int64_t rows, std::int64_t width, float* to) {
  const std::int64_t even = 2 * pairs_of(width);
  for (std::int64_t row = 0; row < rows; ++row) {
    Bf16* out = as_bf16(to) + row * even;
    std::copy_n(from.data + row * from.stride, width, out);
    if (even > width) out[width] = {0};
  }
}

// Rows [rows, width] of f32 to bf16.
inline void narrow_rows(const Matrix& from, std::int64_t rows, std::int64_t width, Bf16* to,
                        std::int64_t to_stride) {
  const auto to_bf16 = active_bf16_rows().to_bf16;
  for (std::int64_t row = 0; row < rows; ++row) {
    to_bf16(from.data + row * from.stride, width, to + row * to_stride);
  }
}

// A block of queries, or of their gradients, in both layouts that products want.
class BlockOperand {
 public:
  explicit BlockOperand(std::int64_t width)
      : width_(width),
        words_(kQueries * pairs_of(width)),
        transposed_(pairs_of(width) * kQueries),
        paired_(kQueries / 2 * width) {}

  // x [count, h]; queries beyond are 0.
  void transpose(const Bf16Matrix& x, std::int64_t count) {
    copy_words(x, count, width_, words_.data());
    transpose_queries({words_.data(), pairs_of(width_)}, count, pairs_of(width_),
                      transposed_.data());
  }
  void pair(const Bf16Matrix& x, std::int64_t count) {
    active_bf16_rows().pair(x, count, width_, paired_.data(), width_);
    std::fill(paired_.data() + pairs_of(count) * width_, paired_.data() + kQueries / 2 * width_,
              0.0F);
  }

  // [w, kQueries] words: for sums over h.
  Matrix transposed() const { return {transposed_.data(), kQueries}; }
  // [kQueries / 2, h]: for sums over queries.
  Matrix paired() const { return {paired_.data(), width_}; }

 private:
  std::int64_t width_;
  Buffer words_, transposed_, paired_;
};

}  // namespace superpose::ops::cpu
