#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/sin.h>

#include "forms.h"
#include "ops/rotary_heads.h"

namespace superpose::bench_ops {

void add_operator(const Shape& shape, at::ScalarType type) {
  const std::int64_t heads = shape.heads;
  const std::int64_t kv_heads = shape.kv_heads;
  const std::int64_t size = shape.head_dim;
  const at::Tensor qkv =
      random({shape.rows, shape.positions, (heads + 2 * kv_heads) * size}, type).requires_grad_();
  const at::Tensor angles = random({shape.positions, size / 2}, at::kFloat);
  const at::Tensor cosines = at::cos(angles);
  const at::Tensor sines = at::sin(angles);
  const auto rotated = [=](const at::Tensor& x) {  // [B, L, heads, h]
    const at::Tensor a = x.narrow(3, 0, size / 2);
    const at::Tensor b = x.narrow(3, size / 2, size / 2);
    const at::Tensor cos = cosines.unsqueeze(1);
    const at::Tensor sin = sines.unsqueeze(1);
    return at::cat({a * cos - b * sin, b * cos + a * sin}, 3).to(x.scalar_type());
  };
  const double bytes = bytes_of(qkv.numel(), type);
  add("rotary_heads/" + name_of(shape, type),
      {{"superpose",
        [=]() -> Results {
          const auto [q, k, v] = ops::rotary_heads_accumulate(
              qkv, {cosines, sines},
              {.num_heads = heads, .num_kv_heads = kv_heads, .head_dim = size}, {});
          return {q, k, v};
        },
        {qkv}},
       {"composed",
        [=]() -> Results {
          const at::Tensor all = qkv.view({qkv.size(0), qkv.size(1), -1, size});
          const at::Tensor q = rotated(all.narrow(2, 0, heads));
          const at::Tensor k = rotated(all.narrow(2, heads, kv_heads));
          return {q, k, all.narrow(2, heads + kv_heads, kv_heads).contiguous()};
        },
        {qkv}}},
      {"B", 2 * bytes, 2 * bytes});
}

}  // namespace superpose::bench_ops
