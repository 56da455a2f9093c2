#include "ops/cpu/products.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include "ops/cpu/bf16_products.h"
#include "ops/cpu/bf16_rows.h"
#include "ops/cpu/block_products.h"
#include "ops/cpu/f32_products.h"
#include "ops/cpu/parallel.h"
#include "ops/cpu/row_products.h"
#include "ops/kernels.h"
#include "ops/row_by_row.h"

namespace superpose::ops::cpu {
namespace {

constexpr std::int64_t kGrain = 32768;

bool takes_own_product(const at::Tensor& a, const at::Tensor& b) {
  return a.is_cpu() && a.scalar_type() == at::kFloat && a.numel() > 0 && b.numel() > 0 &&
         prefers_f32_products();
}

bool takes_row_product(const at::Tensor& x) {
  return row_way() != RowWay::kAny && x.is_cpu() && x.scalar_type() == at::kFloat;
}

}  // namespace

bool has_fast_bf16_products() {
  static const bool kFast = !native_bf16().empty();
  return kFast;
}

void add_transposed_product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& sum) {
  at::Tensor out = sum;
  if (takes_own_product(a, b)) {
    f32_add_transposed_product(a.contiguous(), b.contiguous(), sum);
    return;
  }
  if (a.scalar_type() != at::kBFloat16) {
    at::addmm_out(out, sum, a.t(), b);
    return;
  }
  if (has_bf16_products() && sum.is_cpu()) {
    if (a.numel() > 0 && b.numel() > 0) {
      bf16_add_transposed_product(a.contiguous(), b.contiguous(), sum);
    }
    return;
  }
  if (!has_fast_bf16_products()) {
    at::addmm_out(out, sum, a.to(at::kFloat).t(), b.to(at::kFloat));
    return;
  }
  const at::Tensor product = at::mm(a.t(), b).contiguous();
  const Bf16* from = reinterpret_cast<const Bf16*>(product.const_data_ptr<at::BFloat16>());
  float* to = out.mutable_data_ptr<float>();
  const Bf16Rows& rows = active_bf16_rows();
  at::parallel_for(0, product.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    rows.add(from + begin, end - begin, to + begin);
  });
}

void times_transposed_out(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& out) {
  if (takes_row_product(x)) {
    const bool in_blocks = row_way() == RowWay::kBlocks && x.numel() > 0 && weight.numel() > 0;
    (in_blocks ? block_product_transposed : row_product_transposed)(x.contiguous(),
                                                                    weight.contiguous(), out);
    return;
  }
  if (takes_own_product(x, weight)) {
    f32_product_transposed(x.contiguous(), weight.contiguous(), out);
    return;
  }
  at::Tensor result = out;
  at::mm_out(result, x, weight.t());
}

void times_out(const at::Tensor& grad, const at::Tensor& weight, const at::Tensor& out) {
  if (takes_own_product(grad, weight)) {
    f32_product(grad.contiguous(), weight.contiguous(), out);
    return;
  }
  at::Tensor result = out;
  at::mm_out(result, grad, weight);
}

at::Tensor times_transposed(const at::Tensor& x, const at::Tensor& weight) {
  if (!takes_row_product(x) && !takes_own_product(x, weight)) return at::mm(x, weight.t());
  at::Tensor out = at::empty({x.size(0), weight.size(0)}, x.options());
  times_transposed_out(x, weight, out);
  return out;
}

at::Tensor times(const at::Tensor& grad, const at::Tensor& weight) {
  if (!takes_own_product(grad, weight)) return at::mm(grad, weight);
  at::Tensor out = at::empty({grad.size(0), weight.size(1)}, grad.options());
  times_out(grad, weight, out);
  return out;
}

}  // namespace superpose::ops::cpu
