#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

#include "forms.h"
#include "ops/linear.h"

namespace superpose::bench_ops {

void add_operator(const Shape& shape, at::ScalarType type) {
  struct Layer {
    const char* name;
    std::int64_t in, out;
  };
  const std::int64_t queries = shape.heads * shape.head_dim;
  for (const Layer& layer :
       {Layer{"qkv", shape.width, queries + 2 * shape.kv_heads * shape.head_dim},
        Layer{"o", queries, shape.width}, Layer{"gate_up", shape.width, 2 * shape.ffn},
        Layer{"down", shape.ffn, shape.width}}) {
    const at::Tensor x = random({shape.tokens(), layer.in}, type).requires_grad_();
    const at::Tensor weight = random({layer.out, layer.in}, type, 0.02);
    const at::Tensor gradient = at::zeros({layer.out, layer.in}, at::kFloat);
    const at::Tensor own_weight = weight.clone().requires_grad_();
    const double flops = 2.0 * static_cast<double>(shape.tokens() * layer.in * layer.out);
    add("linear/" + std::string(layer.name) + "/" + name_of(shape, type),
        {{"superpose",
          [=]() -> Results { return {ops::linear_accumulate(x, weight, gradient)}; },
          {x}},
         {"composed", [=]() -> Results { return {at::linear(x, own_weight)}; }, {x, own_weight}}},
        {"FLOP", flops, 2 * flops});
  }
}

}  // namespace superpose::bench_ops
