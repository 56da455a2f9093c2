#include "ops/cpu/serial_products.h"

#include <algorithm>

#include "ops/cpu/bf16_tiles.h"
#include "ops/cpu/transpose.h"

namespace superpose::ops::cpu {
namespace {

// Rows of a pass over a panel of b.
constexpr std::int64_t kRows = 64;

// Of bf16, whose sums are rounded from here, a block of rows by a panel of columns at a time: it
// stays in the first-level cache.
constexpr std::int64_t kSumRows = 32;
constexpr std::int64_t kSumColumns = 256;

// A panel of b, at most: it stays in the second-level cache. One that is transposed is deep, as in
// f32_products.cpp.
constexpr std::int64_t kColumns = 512;
constexpr std::int64_t kDepth = 256;
constexpr std::int64_t kTurnedColumns = 256;
constexpr std::int64_t kTurnedDepth = 512;
constexpr std::int64_t kPanelWords = 1 << 17;

// Beyond the width of a transposed block: with a power of two its rows would share a few sets of
// the first-level cache.
constexpr std::int64_t kPadding = 16;

// Calls work(begin, size) for pieces of [0, total): whole ones of `most`, a multiple of `unit`,
// and the rest. Micro-kernels are made once for each size that occurs, so there should be few.
template <class Work>
void for_each_piece(std::int64_t total, std::int64_t most, std::int64_t unit, const Work& work) {
  for (std::int64_t begin = 0; begin < total;) {
    const std::int64_t left = total - begin;
    const std::int64_t size = left >= most ? most : left >= unit ? left / unit * unit : left;
    work(begin, size);
    begin += size;
  }
}

constexpr std::int64_t kUnit = 16;

// out (+)= a b for the columns and the depth of one panel.
void multiply_panel(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
                    std::int64_t out_stride, Into into) {
  for_each_piece(size.rows, kRows, kUnit, [&](std::int64_t row, std::int64_t rows) {
    tile_product({rows, size.columns, size.depth}, {a.data + row * a.stride, a.stride}, b,
                 out + row * out_stride, out_stride, into);
  });
}

// Columns of a panel of words that is as deep as the product.
std::int64_t panel_columns(const ProductSize& size) {
  constexpr std::int64_t kColumnUnit = 32;
  const std::int64_t columns = kPanelWords / pairs_of(size.depth) / kColumnUnit * kColumnUnit;
  return std::min(size.columns, std::clamp(columns, kColumnUnit, kSumColumns));
}

// out = a b, rounded to bf16, for the columns of one panel; `sums` holds kSumRows rows.
void multiply_panel(const ProductSize& size, const Bf16Matrix& a, const Matrix& words, float* sums,
                    Bf16* out, std::int64_t out_stride) {
  for_each_piece(size.rows, kSumRows, kUnit, [&](std::int64_t row, std::int64_t rows) {
    multiply_bf16({rows, size.columns, size.depth}, {a.data + row * a.stride, a.stride}, words,
                  sums, size.columns, Into::kEmpty);
    for (std::int64_t r = 0; r < rows; ++r) {
      active_bf16_rows().to_bf16(sums + r * size.columns, size.columns,
                                 out + (row + r) * out_stride);
    }
  });
}

}  // namespace

template <>
void SerialProducts<float>::times_transposed(const ProductSize& size, const Matrix& a,
                                             const Matrix& b, float* out, std::int64_t out_stride) {
  constexpr std::int64_t kStride = kTurnedColumns + kPadding;
  float* turned = panel(std::min(size.depth, kTurnedDepth) * kStride);
  for_each_piece(
      size.columns, kTurnedColumns, kUnit, [&](std::int64_t column, std::int64_t columns) {
        for_each_piece(size.depth, kTurnedDepth, kUnit, [&](std::int64_t k, std::int64_t depth) {
          transpose({b.data + column * b.stride + k, b.stride}, columns, depth, turned, kStride);
          multiply_panel({size.rows, columns, depth}, {a.data + k, a.stride}, {turned, kStride},
                         out + column, out_stride, k > 0 ? Into::kSum : Into::kEmpty);
        });
      });
}

template <>
void SerialProducts<float>::times(const ProductSize& size, const Matrix& a, const Matrix& b,
                                  float* out, std::int64_t out_stride) {
  for_each_piece(size.columns, kColumns, kUnit, [&](std::int64_t column, std::int64_t columns) {
    for_each_piece(size.depth, kDepth, kUnit, [&](std::int64_t k, std::int64_t depth) {
      multiply_panel({size.rows, columns, depth}, {a.data + k, a.stride},
                     {b.data + k * b.stride + column, b.stride}, out + column, out_stride,
                     k > 0 ? Into::kSum : Into::kEmpty);
    });
  });
}

template <>
void SerialProducts<float>::add_transposed(const ProductSize& size, const Matrix& a,
                                           const Matrix& b, float* sum, std::int64_t sum_stride) {
  constexpr std::int64_t kStride = kDepth + kPadding;
  float* turned = block(std::min(size.rows, kRows) * kStride);
  for_each_piece(size.rows, kRows, kUnit, [&](std::int64_t row, std::int64_t rows) {
    for_each_piece(size.depth, kDepth, kUnit, [&](std::int64_t k, std::int64_t depth) {
      transpose({a.data + k * a.stride + row, a.stride}, depth, rows, turned, kStride);
      for_each_piece(size.columns, kColumns, kUnit, [&](std::int64_t column, std::int64_t columns) {
        tile_product({rows, columns, depth}, {turned, kStride},
                     {b.data + k * b.stride + column, b.stride}, sum + row * sum_stride + column,
                     sum_stride, Into::kSum);
      });
    });
  });
}

template <>
void SerialProducts<Bf16>::times_transposed(const ProductSize& size, const Bf16Matrix& a,
                                            const Bf16Matrix& b, Bf16* out,
                                            std::int64_t out_stride) {
  const std::int64_t most = panel_columns(size);
  const std::int64_t stride = most + kPadding;
  float* words = panel(pairs_of(size.depth) * stride);
  float* sums = block(kSumRows * most);
  for_each_piece(size.columns, most, kUnit, [&](std::int64_t column, std::int64_t columns) {
    // Two of depth side by side are a word already.
    transpose({reinterpret_cast<const float*>(b.data + column * b.stride), b.stride / 2}, columns,
              pairs_of(size.depth), words, stride);
    multiply_panel({size.rows, columns, size.depth}, a, {words, stride}, sums, out + column,
                   out_stride);
  });
}

template <>
void SerialProducts<Bf16>::times(const ProductSize& size, const Bf16Matrix& a, const Bf16Matrix& b,
                                 Bf16* out, std::int64_t out_stride) {
  const std::int64_t most = panel_columns(size);
  const std::int64_t stride = most + kPadding;
  float* words = panel(pairs_of(size.depth) * stride);
  float* sums = block(kSumRows * most);
  for_each_piece(size.columns, most, kUnit, [&](std::int64_t column, std::int64_t columns) {
    active_bf16_rows().pair({b.data + column, b.stride}, size.depth, columns, words, stride);
    multiply_panel({size.rows, columns, size.depth}, a, {words, stride}, sums, out + column,
                   out_stride);
  });
}

template <>
void SerialProducts<Bf16>::add_transposed(const ProductSize& size, const Bf16Matrix& a,
                                          const Matrix& b, float* sum, std::int64_t sum_stride) {
  constexpr std::int64_t kStride = kTurnedDepth / 2 + kPadding;
  float* turned = block(std::min(size.rows, kRows) * kStride);
  for_each_piece(size.rows, kRows, kUnit, [&](std::int64_t row, std::int64_t rows) {
    for_each_piece(size.depth, kTurnedDepth, 2 * kUnit, [&](std::int64_t k, std::int64_t depth) {
      transpose_bf16({a.data + k * a.stride + row, a.stride}, depth, rows, turned, kStride);
      for_each_piece(size.columns, kColumns, kUnit, [&](std::int64_t column, std::int64_t columns) {
        multiply_bf16({rows, columns, depth}, {as_bf16(turned), 2 * kStride},
                      {b.data + k / 2 * b.stride + column, b.stride},
                      sum + row * sum_stride + column, sum_stride, Into::kSum);
      });
    });
  });
}

}  // namespace superpose::ops::cpu
