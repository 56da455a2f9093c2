#include "ops/cpu/row_dots.h"

namespace superpose::ops::cpu::SUPERPOSE_ISA {
namespace {

// Vectors of the level, and columns of a block of four rows: its sums stay in registers with the
// operands.
#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kColumns = 4;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kColumns = 2;
#else
constexpr int kLanes = 4;
constexpr int kColumns = 2;
#endif

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));

// Elements of a row; those beyond its end are 0.
inline Vector load(const float* from, std::int64_t count) {
  Vector x{};
  __builtin_memcpy(&x, from, static_cast<unsigned long>(count) * sizeof(float));
  return x;
}

inline Vector load(const float* from) {
  Vector x;
  __builtin_memcpy(&x, from, sizeof(Vector));
  return x;
}

// The lanes added up: halves onto each other, down to two.
template <int N>
inline float sum_of(const float* lanes) {
  if constexpr (N == 2) {
    return lanes[0] + lanes[1];
  } else {
    typedef float Half __attribute__((vector_size(N / 2 * sizeof(float))));
    Half low;
    Half high;
    __builtin_memcpy(&low, lanes, sizeof(Half));
    __builtin_memcpy(&high, lanes + N / 2, sizeof(Half));
    low += high;
    float sums[N / 2];
    __builtin_memcpy(sums, &low, sizeof(Half));
    return sum_of<N / 2>(sums);
  }
}

inline float sum_of(const Vector& x) {
  float lanes[kLanes];
  __builtin_memcpy(lanes, &x, sizeof(Vector));
  return sum_of<kLanes>(lanes);
}

// A block of the result. `a`, `b` and `out` begin at the block.
template <int Rows, int Columns>
inline void multiply_block(std::int64_t depth, const Matrix& a, const Matrix& b, float* out,
                           std::int64_t out_stride) {
  Vector sum[Rows][Columns] = {};
  const auto add = [&](const auto& of_row) {
    Vector column[Columns];
#pragma GCC unroll 8
    for (int c = 0; c < Columns; ++c) column[c] = of_row(b.data + c * b.stride);
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      const Vector row = of_row(a.data + r * a.stride);
#pragma GCC unroll 8
      for (int c = 0; c < Columns; ++c) sum[r][c] += row * column[c];
    }
  };
  const std::int64_t whole = depth / kLanes * kLanes;
  for (std::int64_t k = 0; k < whole; k += kLanes) {
    add([k](const float* row) { return load(row + k); });
  }
  if (whole < depth) {
    add([whole, depth](const float* row) { return load(row + whole, depth - whole); });
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < Columns; ++c) out[r * out_stride + c] = sum_of(sum[r][c]);
  }
}

// All columns of `Rows` rows.
template <int Rows, int Columns>
inline void multiply_rows(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
                          std::int64_t out_stride) {
  std::int64_t column = 0;
  for (; column + Columns <= size.columns; column += Columns) {
    multiply_block<Rows, Columns>(size.depth, a, {b.data + column * b.stride, b.stride},
                                  out + column, out_stride);
  }
  for (; column < size.columns; ++column) {
    multiply_block<Rows, 1>(size.depth, a, {b.data + column * b.stride, b.stride}, out + column,
                            out_stride);
  }
}

}  // namespace

void row_dots(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
              std::int64_t out_stride) {
  std::int64_t row = 0;
  const auto rows_of = [&]<int Rows, int Columns>() {
    for (; row + Rows <= size.rows; row += Rows) {
      multiply_rows<Rows, Columns>(size, {a.data + row * a.stride, a.stride}, b,
                                   out + row * out_stride, out_stride);
    }
  };
  rows_of.template operator()<4, kColumns>();
  rows_of.template operator()<2, kColumns>();
  rows_of.template operator()<1, 2 * kColumns>();
}

}  // namespace superpose::ops::cpu::SUPERPOSE_ISA
