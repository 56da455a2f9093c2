#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/zeros.h>

#include "forms.h"
#include "ops/rms_norm.h"

namespace superpose::bench_ops {

void add_operator(const Shape& shape, at::ScalarType type) {
  // Residual sum and norm; the composed form's weight is of the compute type.
  const std::vector<std::int64_t> size = {shape.tokens(), shape.width};
  const at::Tensor x = random(size, type).requires_grad_();
  const at::Tensor delta = random(size, type).requires_grad_();
  const at::Tensor weight = at::ones({shape.width}, at::kFloat);
  const at::Tensor gradient = at::zeros({shape.width}, at::kFloat);
  const at::Tensor own_weight = at::ones({shape.width}, type).requires_grad_();
  const double bytes = bytes_of(shape.tokens() * shape.width, type);
  constexpr double kEps = 1e-5;
  add("add_rms_norm/" + name_of(shape, type),
      {{"superpose",
        [=]() -> Results {
          const auto [sum, normed] = ops::add_rms_norm_accumulate(x, delta, weight, kEps, gradient);
          return {sum, normed};
        },
        {x, delta}},
       {"composed",
        [=, width = shape.width]() -> Results {
          const at::Tensor sum = x + delta;
          return {sum, at::rms_norm(sum, {width}, own_weight, kEps)};
        },
        {x, delta, own_weight}}},
      {"B", 4 * bytes, 4 * bytes});
}

}  // namespace superpose::bench_ops
