#include "ops/cpu/products.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

#include "ops/cpu/parallel.h"
#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {
namespace {

constexpr std::int64_t kGrain = 32768;

}  // namespace

bool has_fast_bf16_products() {
#if defined(__x86_64__)
  static const bool kFast =
      __builtin_cpu_supports("avx512bf16") || __builtin_cpu_supports("amx-bf16");
  return kFast;
#else
  return false;
#endif
}

void add_transposed_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& sum) {
  at::Tensor out = sum;
  if (a.scalar_type() != at::kBFloat16) {
    at::addmm_out(out, sum, a.t(), b);
    return;
  }
  if (!has_fast_bf16_products()) {
    at::addmm_out(out, sum, a.to(at::kFloat).t(), b.to(at::kFloat));
    return;
  }
  const at::Tensor product = at::mm(a.t(), b).contiguous();
  const Bf16* from = reinterpret_cast<const Bf16*>(product.const_data_ptr<at::BFloat16>());
  float* to = out.mutable_data_ptr<float>();
  const CrossEntropyRows& rows = active_cross_entropy_rows();
  at::parallel_for(0, product.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    rows.add_bf16(from + begin, end - begin, to + begin);
  });
}

}  // namespace superpose::ops::cpu
