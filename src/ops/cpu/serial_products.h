// Matrix products by the calling thread alone, for callers that share out many of them among
// threads themselves. Elements are summed in one order, over ascending depth.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "ops/cpu/bf16_rows.h"
#include "ops/cpu/tile_product.h"

namespace superpose::ops::cpu {

template <class T>
using MatrixOf = std::conditional_t<std::is_same_v<T, float>, Matrix, Bf16Matrix>;

// Products of T, float or Bf16, with scratch that lasts from one to the next; one object per
// thread. Results of Bf16 are summed in f32 and rounded once. No dimension may be 0. Bf16 needs
// has_bf16_products() (bf16_products.h), and an even depth.
template <class T>
class SerialProducts {
 public:
  // out [rows, columns] = a [rows, depth] * b^T, b [columns, depth]
  void times_transposed(const ProductSize& size, const MatrixOf<T>& a, const MatrixOf<T>& b, T* out,
                        std::int64_t out_stride);

  // out [rows, columns] = a [rows, depth] * b [depth, columns]
  void times(const ProductSize& size, const MatrixOf<T>& a, const MatrixOf<T>& b, T* out,
             std::int64_t out_stride);

  // sum [rows, columns] += a^T * b, a [depth, rows]. b [depth, columns] as f32, or, where T is
  // Bf16, in words of two rows each (bf16_rows.h); there an odd depth is fine, with a row of zeros
  // beyond the last in b.
  void add_transposed(const ProductSize& size, const MatrixOf<T>& a, const Matrix& b, float* sum,
                      std::int64_t sum_stride);

 private:
  float* panel(std::int64_t size) { return grown(panel_, size); }
  float* block(std::int64_t size) { return grown(block_, size); }
  static float* grown(std::vector<float>& buffer, std::int64_t size) {
    if (buffer.size() < static_cast<std::size_t>(size)) {
      buffer.resize(static_cast<std::size_t>(size));
    }
    return buffer.data();
  }

  std::vector<float> panel_, block_;
};

}  // namespace superpose::ops::cpu
