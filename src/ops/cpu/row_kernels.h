// Inner loops of the CPU kernels: free functions on pointers and sizes, built once per instruction
// set (SUPERPOSE_ISA names the namespace) and chosen at run time (kLevels of kernels.cpp). Their
// sources include nothing but this header and <bit>: an inline function of a larger header,
// compiled with AVX-512 and kept by the linker for the whole program, would fail on a CPU without
// it.
#pragma once

#include <cstdint>

namespace superpose::ops::cpu {

struct Bf16 {
  std::uint16_t bits;
};

// Rows of one matrix to add up: sum over e < count of scale[index[e]] * rows[index[e]][0, width).
template <class T>
struct ScaledRows {
  const T* rows;
  std::int64_t stride;        // elements from one row to the next
  const std::int64_t* index;  // [count], added in this order
  const float* scale;         // by row
  std::int64_t count;
  std::int64_t width;
};

// Rows of an embedding table to average: ids < 0 are left out, num_valid counts the others.
template <class T>
struct MeanOfRows {
  const T* table;
  std::int64_t width;
  const std::int64_t* ids;
  std::int64_t num_ids;
  std::int64_t num_valid;
};

struct BagRows {
  void (*mean_f32)(const MeanOfRows<float>& rows, float* out);
  void (*mean_bf16)(const MeanOfRows<Bf16>& rows, Bf16* out);
  void (*add_f32)(const ScaledRows<float>& rows, float* out);  // out += sum
  void (*add_bf16)(const ScaledRows<Bf16>& rows, float* out);
};

struct CrossEntropyRows {
  void (*soft_cap)(float* z, std::int64_t size, float cap);  // z = cap * tanh(z / cap)
  float (*maximum)(const float* z, std::int64_t size);
  double (*sum_exp)(const float* z, std::int64_t size, float maximum);  // sum of exp(z - maximum)
  double (*store_exp)(float* z, std::int64_t size, float maximum);  // same; z = exp(z - maximum)
  void (*scale)(float* z, std::int64_t size, float factor);         // z *= factor
  // z holds capped logits; z = factor * exp(z - maximum) * (1 - (z / cap)^2)
  void (*capped_gradient)(float* z, std::int64_t size, float maximum, float factor, float cap);
};

namespace isa_default {
extern const BagRows kBagRows;
extern const CrossEntropyRows kCrossEntropyRows;
}  // namespace isa_default
namespace avx2 {
extern const BagRows kBagRows;
extern const CrossEntropyRows kCrossEntropyRows;
}  // namespace avx2
namespace avx512 {
extern const BagRows kBagRows;
extern const CrossEntropyRows kCrossEntropyRows;
}  // namespace avx512

// The tables of the level in force (kernels.h).
const BagRows& active_bag_rows();
const CrossEntropyRows& active_cross_entropy_rows();

// Whether that level is AVX-512.
bool avx512_in_force();

}  // namespace superpose::ops::cpu
