#include <ATen/ops/embedding.h>
#include <ATen/ops/zeros.h>

#include "forms.h"
#include "ops/bag_embedding.h"

namespace superpose::bench_ops {

void add_operator(const Shape& shape, at::ScalarType type) {
  for (const std::int64_t bag : {1, 4, 16}) {
    const at::Tensor weight = random({shape.vocabulary, shape.width}, type);
    const at::Tensor gradient = at::zeros({shape.vocabulary, shape.width}, at::kFloat);
    const at::Tensor own_weight = weight.clone().requires_grad_();
    const at::Tensor ids = random_ids({shape.rows, shape.positions, bag}, shape.vocabulary);
    const std::int64_t elements = shape.tokens() * shape.width;
    add("bag_embedding/s" + std::to_string(bag) + "/" + name_of(shape, type),
        {{"superpose",
          [=]() -> Results { return {ops::bag_embedding_accumulate(weight, ids, gradient)}; },
          {}},
         {"composed",
          [=]() -> Results { return {at::embedding(own_weight, ids).mean(2)}; },
          {own_weight}}},
        {"B", bytes_of((bag + 1) * elements, type),
         bytes_of(elements, type) + bytes_of(2 * bag * elements, at::kFloat)});
  }
}

}  // namespace superpose::bench_ops
