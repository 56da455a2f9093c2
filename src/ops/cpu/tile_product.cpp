#include "ops/cpu/tile_product.h"

#include <ATen/native/CPUBlas.h>

namespace superpose::ops::cpu {

void micro_kernel_product(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
                          std::int64_t out_stride, Into into) {
  at::native::cpublas::brgemm(size.rows, size.columns, size.depth, a.stride, b.stride, out_stride,
                              into == Into::kSum, a.data, b.data, out, /*is_vnni=*/false);
}

}  // namespace superpose::ops::cpu
