#pragma once

#include <cstdint>
#include <cstring>

namespace superpose::ops::cpu {

struct Matrix {
  const float* data;
  std::int64_t stride;  // elements from one row to the next
};

// A 4 x 4 tile turned.
inline void transpose_tile(const float* from, std::int64_t from_stride, float* to,
                           std::int64_t to_stride) {
  // Four floats in a register, at every level.
  using Four = float __attribute__((vector_size(16)));
  Four row[4];
  for (std::int64_t i = 0; i < 4; ++i) std::memcpy(&row[i], from + i * from_stride, sizeof(Four));
  const Four low01 = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
  const Four low23 = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
  const Four high01 = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
  const Four high23 = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
  const Four turned[4] = {__builtin_shufflevector(low01, low23, 0, 1, 4, 5),
                          __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
                          __builtin_shufflevector(high01, high23, 0, 1, 4, 5),
                          __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
  for (std::int64_t i = 0; i < 4; ++i) std::memcpy(to + i * to_stride, &turned[i], sizeof(Four));
}

// to [columns, rows] = from^T.
inline void transpose(const Matrix& from, std::int64_t rows, std::int64_t columns, float* to,
                      std::int64_t to_stride) {
  const std::int64_t whole_rows = rows / 4 * 4;
  const std::int64_t whole_columns = columns / 4 * 4;
  for (std::int64_t r = 0; r < whole_rows; r += 4) {
    for (std::int64_t c = 0; c < whole_columns; c += 4) {
      transpose_tile(from.data + r * from.stride + c, from.stride, to + c * to_stride + r,
                     to_stride);
    }
  }
  const auto move = [&](std::int64_t r, std::int64_t c) {
    to[c * to_stride + r] = from.data[r * from.stride + c];
  };
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = r < whole_rows ? whole_columns : 0; c < columns; ++c) move(r, c);
  }
}

}  // namespace superpose::ops::cpu
