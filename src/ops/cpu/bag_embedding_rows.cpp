#include "ops/cpu/bf16_convert.h"
#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu::SUPERPOSE_ISA {
namespace {

// Columns summed at a time: the partial sums stay in the first-level cache.
constexpr std::int64_t kColumns = 256;

template <class T>
void mean_of_rows(const MeanOfRows<T>& rows, T* out) {
  const float divisor = static_cast<float>(rows.num_valid);
  for (std::int64_t begin = 0; begin < rows.width; begin += kColumns) {
    const std::int64_t left = rows.width - begin;
    const std::int64_t size = left < kColumns ? left : kColumns;
    float sum[kColumns] = {};
    for (std::int64_t i = 0; i < rows.num_ids; ++i) {
      if (rows.ids[i] < 0) continue;
      const T* row = rows.table + rows.ids[i] * rows.width + begin;
      for (std::int64_t d = 0; d < size; ++d) sum[d] += widen(row[d]);
    }
    for (std::int64_t d = 0; d < size; ++d) narrow(sum[d] / divisor, out[begin + d]);
  }
}

template <class T>
void add_rows(const ScaledRows<T>& rows, float* out) {
  for (std::int64_t begin = 0; begin < rows.width; begin += kColumns) {
    const std::int64_t left = rows.width - begin;
    const std::int64_t size = left < kColumns ? left : kColumns;
    float sum[kColumns] = {};
    for (std::int64_t e = 0; e < rows.count; ++e) {
      const T* row = rows.rows + rows.index[e] * rows.stride + begin;
      const float scale = rows.scale[rows.index[e]];
      for (std::int64_t d = 0; d < size; ++d) sum[d] += scale * widen(row[d]);
    }
    for (std::int64_t d = 0; d < size; ++d) out[begin + d] += sum[d];
  }
}

}  // namespace

extern const BagRows kBagRows = {.mean_f32 = mean_of_rows<float>,
                                 .mean_bf16 = mean_of_rows<Bf16>,
                                 .add_f32 = add_rows<float>,
                                 .add_bf16 = add_rows<Bf16>};

}  // namespace superpose::ops::cpu::SUPERPOSE_ISA
