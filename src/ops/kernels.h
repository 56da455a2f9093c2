// Which build of the CPU kernels runs, and how to force another.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace superpose::ops {

// Which build of the CPU kernels runs. "default" is the compiler's baseline for the platform (SSE2
// on x86-64).
struct KernelInfo {
  std::string name;  // operator, "bag_embedding"
  std::string isa;   // "default", "avx2" or "avx512"
};

// The kernels that the next call on CPU tensors would use.
std::vector<KernelInfo> kernels_in_use();

// Levels that this build contains, lowest first; "default" is always there.
std::vector<std::string> isa_levels();
// Those of them that this CPU can run.
std::vector<std::string> available_isa_levels();
// The level of the next calls, as records and plans name it: "avx512"; "avx2 (forced)" where
// set_isa_override chose it.
std::string isa_in_force();

// Forces "default", "avx2" or "avx512" for all kernels of the process; "auto" goes back to the best
// available. For tests and for comparing machines: libtorch's own kernels stay as they are. Throws
// util::Error on an unknown level and on one that the CPU or the build lacks.
void set_isa_override(std::string_view level);

// Threads that a parallel loop of the kernels really runs on, counted by running one.
int kernel_threads();

// The feature by which this CPU multiplies bf16 matrices faster than f32 ones, "amx_bf16" or
// "avx512_bf16"; empty where it has neither.
std::string native_bf16();

// Features of this CPU that matter to the kernels and to the matrix products, as in "avx2 fma
// avx512f ... amx_bf16".
std::string cpu_features();

}  // namespace superpose::ops
