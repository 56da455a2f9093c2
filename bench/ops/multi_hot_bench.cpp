#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros.h>

#include "forms.h"
#include "ops/multi_hot_linear_cross_entropy.h"

namespace superpose::bench_ops {

void add_operator(const Shape& shape, at::ScalarType type) {
  for (const std::int64_t bag : {1, 8}) {
    const at::Tensor hidden = random({shape.tokens(), shape.width}, type).requires_grad_();
    const at::Tensor weight = random({shape.vocabulary, shape.width}, type, 0.02);
    const at::Tensor gradient = at::zeros({shape.vocabulary, shape.width}, at::kFloat);
    const at::Tensor own_weight = weight.clone().requires_grad_();
    const at::Tensor targets = random_ids({shape.tokens(), bag}, shape.vocabulary);
    const double share = 1 / static_cast<double>(bag * shape.tokens());
    const at::Tensor coefficients = at::full({bag}, share, at::kFloat);
    const auto logits = [=] { return at::linear(hidden, own_weight).to(at::kFloat); };
    const double flops = 2.0 * static_cast<double>(shape.tokens() * shape.width * shape.vocabulary);
    add("multi_hot/s" + std::to_string(bag) + "/" + name_of(shape, type),
        {{"superpose",
          [=]() -> Results {
            return {ops::multi_hot_linear_cross_entropy_accumulate(hidden, weight, targets,
                                                                   coefficients, gradient)};
          },
          {hidden}},
         {"gather",
          [=]() -> Results {
            return {at::log_softmax(logits(), 1).gather(1, targets).mean().neg()};
          },
          {hidden, own_weight}},
         {"separate",
          [=]() -> Results {
            const at::Tensor shared = logits();
            at::Tensor loss = at::zeros({}, at::kFloat);
            for (std::int64_t slot = 0; slot < bag; ++slot) {
              loss = loss + at::cross_entropy_loss(shared, targets.select(1, slot));
            }
            return {loss / bag};
          },
          {hidden, own_weight}}},
        {"FLOP", flops, 2 * flops});
  }
}

}  // namespace superpose::bench_ops
