#include "ops/cpu/micro_kernels.h"

#if SUPERPOSE_HAS_BRGEMM
#include <ATen/native/CPUBlas.h>
#endif
#include <c10/util/Exception.h>

#include "ops/cpu/bf16_rows.h"

namespace superpose::ops::cpu {

bool has_micro_kernels() { return SUPERPOSE_HAS_BRGEMM; }

#if SUPERPOSE_HAS_BRGEMM

void micro_kernel_product(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
                          std::int64_t out_stride, Into into) {
  at::native::cpublas::brgemm(size.rows, size.columns, size.depth, a.stride, b.stride, out_stride,
                              into == Into::kSum, a.data, b.data, out, /*is_vnni=*/false);
}

void micro_kernel_product_bf16(const ProductSize& size, const Bf16Matrix& a, const Matrix& b,
                               float* out, std::int64_t out_stride, Into into) {
  at::native::cpublas::brgemm(size.rows, size.columns, size.depth, a.stride, b.stride, out_stride,
                              into == Into::kSum, reinterpret_cast<const at::BFloat16*>(a.data),
                              reinterpret_cast<const at::BFloat16*>(b.data), out,
                              /*is_vnni=*/true);
}

void release_micro_kernels() { at::native::cpublas::brgemm_release(/*is_vnni=*/true); }

#else

void micro_kernel_product(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
                          std::int64_t out_stride, Into into) {
#if defined(__x86_64__)
  avx2::tile_product(size, a, b, out, out_stride, into);
#else
  isa_default::tile_product(size, a, b, out, out_stride, into);
#endif
}

void micro_kernel_product_bf16(const ProductSize& /*size*/, const Bf16Matrix& /*a*/,
                               const Matrix& /*b*/, float* /*out*/, std::int64_t /*out_stride*/,
                               Into /*into*/) {
  TORCH_CHECK(false, "this build has no products of bf16 tiles");
}

void release_micro_kernels() {}

#endif

}  // namespace superpose::ops::cpu
