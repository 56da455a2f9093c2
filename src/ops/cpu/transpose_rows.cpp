// Transposing in registers.
//
// An N x N tile is read into N registers of N lanes. In squares of 2, then 4, then 8 lanes, and so
// on, the two quarters off the diagonal change places: log2 N rounds of N shuffles each. Memory is
// read and written in whole registers only. N is the number of lanes of the instruction set; edges
// take smaller tiles.
#include "ops/cpu/transpose.h"

namespace superpose::ops::cpu::SUPERPOSE_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

template <int... I>
struct Indices {};

template <int N, int... I>
struct CountTo : CountTo<N - 1, N - 1, I...> {};
template <int... I>
struct CountTo<0, I...> {
  using Type = Indices<I...>;
};

// An N x N tile in N registers.
template <int N>
struct Tile {
  typedef float Row __attribute__((vector_size(N * sizeof(float))));
  Row rows[N];

  // Of every square of 2 S x 2 S, swaps the S x S quarters off the diagonal.
  template <int S, int... I>
  void swap_quarters(Indices<I...> /*lanes*/) {
    for (int r = 0; r < N; ++r) {
      if ((r & S) != 0) continue;
      const Row a = rows[r];
      const Row b = rows[r + S];
      rows[r] = __builtin_shufflevector(a, b, ((I & S) != 0 ? N + I - S : I)...);
      rows[r + S] = __builtin_shufflevector(a, b, ((I & S) != 0 ? N + I : I + S)...);
    }
  }

  void transpose() {
    using Lanes = typename CountTo<N>::Type;
    swap_quarters<1>(Lanes{});
    if constexpr (N > 2) swap_quarters<2>(Lanes{});
    if constexpr (N > 4) swap_quarters<4>(Lanes{});
    if constexpr (N > 8) swap_quarters<8>(Lanes{});
  }
};

template <int N>
inline void transpose_tile(const Matrix& from, float* to, std::int64_t to_stride) {
  Tile<N> tile;
  for (int i = 0; i < N; ++i) {
    __builtin_memcpy(&tile.rows[i], from.data + i * from.stride, sizeof(tile.rows[i]));
  }
  tile.transpose();
  for (int i = 0; i < N; ++i) {
    __builtin_memcpy(to + i * to_stride, &tile.rows[i], sizeof(tile.rows[i]));
  }
}

template <>
inline void transpose_tile<1>(const Matrix& from, float* to, std::int64_t /*to_stride*/) {
  *to = *from.data;
}

// Tiles of N, and smaller ones along the two edges.
template <int N>
void transpose_by(const Matrix& from, std::int64_t rows, std::int64_t columns, float* to,
                  std::int64_t to_stride) {
  const std::int64_t whole_rows = rows / N * N;
  const std::int64_t whole_columns = columns / N * N;
  for (std::int64_t r = 0; r < whole_rows; r += N) {
    for (std::int64_t c = 0; c < whole_columns; c += N) {
      transpose_tile<N>({from.data + r * from.stride + c, from.stride}, to + c * to_stride + r,
                        to_stride);
    }
  }
  if constexpr (N > 1) {
    constexpr int kSmaller = N > 4 ? 4 : 1;
    transpose_by<kSmaller>({from.data + whole_columns, from.stride}, whole_rows,
                           columns - whole_columns, to + whole_columns * to_stride, to_stride);
    transpose_by<kSmaller>({from.data + whole_rows * from.stride, from.stride}, rows - whole_rows,
                           columns, to + whole_rows, to_stride);
  }
}

}  // namespace

void transpose(const Matrix& from, std::int64_t rows, std::int64_t columns, float* to,
               std::int64_t to_stride) {
  transpose_by<kLanes>(from, rows, columns, to, to_stride);
}

}  // namespace superpose::ops::cpu::SUPERPOSE_ISA
