// The tables of inner loops of the best instruction set that this CPU has.
#include "ops/cpu/bf16_rows.h"
#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {
namespace {

struct Level {
  const BagRows& bags;
  const Bf16Rows& bf16;
  const CrossEntropyRows& cross_entropy;
};

Level best_level() {
#if defined(__x86_64__)
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512cd")) {
    return {avx512::kBagRows, avx512::kBf16Rows, avx512::kCrossEntropyRows};
  }
  if (has_avx2) return {avx2::kBagRows, avx2::kBf16Rows, avx2::kCrossEntropyRows};
#endif
  return {isa_default::kBagRows, isa_default::kBf16Rows, isa_default::kCrossEntropyRows};
}

const Level& level() {
  static const Level kLevel = best_level();
  return kLevel;
}

}  // namespace

const BagRows& active_bag_rows() { return level().bags; }
const Bf16Rows& active_bf16_rows() { return level().bf16; }
const CrossEntropyRows& active_cross_entropy_rows() { return level().cross_entropy; }

}  // namespace superpose::ops::cpu
