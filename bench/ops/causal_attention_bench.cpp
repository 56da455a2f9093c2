#include <ATen/ops/scaled_dot_product_attention.h>

#include "forms.h"
#include "ops/causal_attention.h"

namespace superpose::bench_ops {

void add_operator(const Shape& shape, at::ScalarType type) {
  const at::Tensor q =
      random({shape.rows, shape.positions, shape.heads, shape.head_dim}, type).requires_grad_();
  const std::vector<std::int64_t> kv_size = {shape.rows, shape.positions, shape.kv_heads,
                                             shape.head_dim};
  const at::Tensor k = random(kv_size, type).requires_grad_();
  const at::Tensor v = random(kv_size, type).requires_grad_();
  const bool grouped = shape.heads != shape.kv_heads;
  const double flops = 2.0 * static_cast<double>(shape.tokens() * shape.positions) *
                       static_cast<double>(shape.heads * shape.head_dim);
  std::vector<Form> forms = {
      {"superpose", [=]() -> Results { return {ops::causal_attention(q, k, v)}; }, {q, k, v}},
      {"composed",
       [=]() -> Results {
         return {at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2),
                                                  v.transpose(1, 2), {}, 0.0, /*is_causal=*/true,
                                                  std::nullopt, grouped)
                     .transpose(1, 2)
                     .flatten(2)};
       },
       {q, k, v}}};
  if (type == at::kBFloat16) {
    // What CPUs without products of bf16 do.
    const auto wide = [](const at::Tensor& x) { return x.to(at::kFloat); };
    forms.push_back(
        {"widened",
         [=]() -> Results { return {ops::causal_attention(wide(q), wide(k), wide(v)).to(type)}; },
         {q, k, v}});
  }
  add("causal_attention/" + name_of(shape, type), forms, {"FLOP", flops, 2 * flops});
}

}  // namespace superpose::bench_ops
