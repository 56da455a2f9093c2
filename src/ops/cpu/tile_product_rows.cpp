#include "ops/cpu/tile_product.h"

namespace superpose::ops::cpu::SUPERPOSE_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

// A block of kRows rows by two vectors of columns: its sums are eight vectors, as many as hide the
// latency of a multiply-add at two per cycle, and they stay in registers with the operands.
constexpr int kRows = 4;

template <int N>
struct Lanes {
  typedef float Vector __attribute__((vector_size(N * sizeof(float))));
};
template <>
struct Lanes<1> {
  typedef float Vector;
};

// A block of `Rows` rows by `Vectors` vectors of N columns. `a`, `b` and `out` begin at the block.
template <int N, int Rows, int Vectors>
inline void multiply_block(std::int64_t depth, const Matrix& a, const Matrix& b, float* out,
                           std::int64_t out_stride, Into into) {
  using Vector = typename Lanes<N>::Vector;
  Vector sum[Rows][Vectors];
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
      sum[r][v] = Vector{};
      if (into == Into::kSum) {
        __builtin_memcpy(&sum[r][v], out + r * out_stride + v * N, sizeof(Vector));
      }
    }
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    Vector row[Vectors];
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
      __builtin_memcpy(&row[v], b.data + k * b.stride + v * N, sizeof(Vector));
    }
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) sum[r][v] += a.data[r * a.stride + k] * row[v];
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
      __builtin_memcpy(out + r * out_stride + v * N, &sum[r][v], sizeof(Vector));
    }
  }
}

// All rows of one strip of columns, kRows at a time.
template <int N, int Vectors>
inline void multiply_strip(std::int64_t rows, std::int64_t depth, const Matrix& a, const Matrix& b,
                           float* out, std::int64_t out_stride, Into into) {
  std::int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) {
    multiply_block<N, kRows, Vectors>(depth, {a.data + row * a.stride, a.stride}, b,
                                      out + row * out_stride, out_stride, into);
  }
  for (; row < rows; ++row) {
    multiply_block<N, 1, Vectors>(depth, {a.data + row * a.stride, a.stride}, b,
                                  out + row * out_stride, out_stride, into);
  }
}

}  // namespace

void tile_product(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
                  std::int64_t out_stride, Into into) {
  std::int64_t column = 0;
  const auto strips_of = [&]<int N, int Vectors>() {
    for (; column + N * Vectors <= size.columns; column += N * Vectors) {
      multiply_strip<N, Vectors>(size.rows, size.depth, a, {b.data + column, b.stride},
                                 out + column, out_stride, into);
    }
  };
  strips_of.template operator()<kLanes, 2>();
  strips_of.template operator()<kLanes, 1>();
  strips_of.template operator()<1, 1>();
}

}  // namespace superpose::ops::cpu::SUPERPOSE_ISA
