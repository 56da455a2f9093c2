#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "forms.h"
#include "ops/adamw.h"

namespace superpose::bench_ops {

void add_operator(const Shape& shape, at::ScalarType type) {
  if (type != at::kFloat) return;  // the master is f32 in either precision
  const std::int64_t layer = 4 * shape.width * shape.width + 3 * shape.width * shape.ffn;
  const std::int64_t size = 2 * shape.vocabulary * shape.width + 8 * layer;
  const at::Tensor weight = random({size}, at::kFloat);
  const at::Tensor gradient = random({size}, at::kFloat);
  const at::Tensor first = at::zeros({size}, at::kFloat);
  const at::Tensor second = at::zeros({size}, at::kFloat);
  const at::Tensor step = at::ones({}, at::kFloat);
  const ops::AdamWStep update{.learning_rate = 1e-3, .weight_decay = 0.1};
  add_forward("adamw/" + std::string(shape.name),
              {{"superpose",
                [=]() -> Results {
                  ops::adamw_update(weight, gradient, first, second, update);
                  return {weight};
                },
                {}},
               {"composed",
                [=]() -> Results {
                  at::_fused_adamw_({weight}, {gradient}, {first}, {second}, {}, {step},
                                    update.learning_rate, update.beta1, update.beta2,
                                    update.weight_decay, update.eps, /*amsgrad=*/false,
                                    /*maximize=*/false);
                  return {weight};
                },
                {}}},
              {"B", 28.0 * static_cast<double>(size), 0});
}

}  // namespace superpose::bench_ops
