#include <ATen/ops/zeros.h>

#include "forms.h"
#include "ops/expert_mlp.h"
#include "ops/linear.h"
#include "ops/routing.h"
#include "ops/swiglu.h"

namespace superpose::bench_ops {

// Two experts of a position out of eight, each half as wide as the dense feed-forward of the shape:
// the same FLOPs. "dense" is that feed-forward, of the program's own operators.
void add_operator(const Shape& shape, at::ScalarType type) {
  constexpr std::int64_t kExperts = 8;
  constexpr std::int64_t kPerToken = 2;
  const std::int64_t inner = shape.ffn / kPerToken;
  const at::Tensor x = random({shape.tokens(), shape.width}, type).requires_grad_();
  const at::Tensor experts = ops::top_experts(random({shape.tokens(), kExperts}, at::kFloat), 2);
  const at::Tensor shares = random({shape.tokens(), kPerToken}, at::kFloat).requires_grad_();
  const auto weight_of = [type](at::IntArrayRef sizes) { return random(sizes, type, 0.02); };
  const auto gradient_of = [](const at::Tensor& weight) {
    return at::zeros(weight.sizes(), at::kFloat);
  };
  ops::ExpertWeights sparse{weight_of({kExperts, 2 * inner, shape.width}),
                            weight_of({kExperts, shape.width, inner}),
                            {},
                            {}};
  sparse.grad_gate_up = gradient_of(sparse.gate_up);
  sparse.grad_down = gradient_of(sparse.down);
  const at::Tensor gate_up = weight_of({2 * shape.ffn, shape.width});
  const at::Tensor down = weight_of({shape.width, shape.ffn});
  const at::Tensor grad_gate_up = gradient_of(gate_up);
  const at::Tensor grad_down = gradient_of(down);
  const double flops = 6.0 * static_cast<double>(shape.tokens() * shape.width * shape.ffn);
  add("expert_mlp/" + name_of(shape, type),
      {{"superpose",
        [=]() -> Results { return {ops::expert_mlp_accumulate(x, experts, shares, sparse)}; },
        {x, shares}},
       {"dense",
        [=]() -> Results {
          const at::Tensor hidden = ops::swiglu(ops::linear_accumulate(x, gate_up, grad_gate_up));
          return {ops::linear_accumulate(hidden, down, grad_down)};
        },
        {x}}},
      {"FLOP", flops, 2 * flops});
}

}  // namespace superpose::bench_ops
