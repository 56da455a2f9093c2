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

// Levels that this build contains and this CPU can run, lowest first; "default" is always there.
std::vector<std::string> available_isa_levels();

// Forces "default", "avx2" or "avx512" for all kernels of the process; "auto" goes back to the best
// available. For tests and for comparing machines. Throws util::Error on an unknown level and on
// one that the CPU or the build lacks.
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
