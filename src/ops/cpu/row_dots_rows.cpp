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

// Lanes that a shuffle of two vectors takes: those of half of every group of `Width` lanes, the
// first halves or the second ones.
template <int... Lane>
struct Lanes {
  static Vector of(const Vector& a, const Vector& b) {
    return __builtin_shufflevector(a, b, Lane...);
  }
};

template <int Width, int Offset, int Lane, int... Lanes_>
struct HalvesFrom
    : HalvesFrom<Width, Offset, Lane - 1,
                 (Lane - 1) / (Width / 2) * Width + (Lane - 1) % (Width / 2) + Offset, Lanes_...> {
};
template <int Width, int Offset, int... Lanes_>
struct HalvesFrom<Width, Offset, 0, Lanes_...> : Lanes<Lanes_...> {};

// The sums of `Count` vectors' lanes, in order, in the first lanes of the result: the halves of
// every group of `Width` lanes are added, and the groups of two vectors put into one, until a group
// is a lane. A sum is always that of halves, so it does not depend on `Count`.
template <int Count, int Width = kLanes>
inline Vector sums_of(const Vector* lanes) {
  if constexpr (Width == 1) {
    return lanes[0];
  } else {
    constexpr int kLeft = (Count + 1) / 2;
    Vector folded[kLeft];
#pragma GCC unroll 8
    for (int i = 0; i < kLeft; ++i) {
      const Vector& a = lanes[2 * i];
      const Vector& b = lanes[Count == 1 ? 0 : 2 * i + 1];
      folded[i] =
          HalvesFrom<Width, 0, kLanes>::of(a, b) + HalvesFrom<Width, Width / 2, kLanes>::of(a, b);
    }
    return sums_of<kLeft, Width / 2>(folded);
  }
}

template <int Count>
inline void store(const float* from, float* to) {
  __builtin_memcpy(to, from, Count * sizeof(float));
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
  if constexpr (Rows * Columns <= kLanes) {
    const Vector sums = sums_of<Rows * Columns>(sum[0]);
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      store<Columns>(reinterpret_cast<const float*>(&sums) + r * Columns, out + r * out_stride);
    }
  } else {
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      const Vector sums = sums_of<Columns>(sum[r]);
      store<Columns>(reinterpret_cast<const float*>(&sums), out + r * out_stride);
    }
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
