#include <ATen/TensorOperators.h>
#include <ATen/ops/silu.h>

#include "forms.h"
#include "ops/swiglu.h"

namespace superpose::bench_ops {

void add_operator(const Shape& shape, at::ScalarType type) {
  const at::Tensor x = random({shape.tokens(), 2 * shape.ffn}, type).requires_grad_();
  const std::int64_t ffn = shape.ffn;
  const double bytes = bytes_of(shape.tokens() * ffn, type);
  add("swiglu/" + name_of(shape, type),
      {{"superpose", [x]() -> Results { return {ops::swiglu(x)}; }, {x}},
       {"composed",
        [x, ffn]() -> Results { return {at::silu(x.narrow(1, 0, ffn)) * x.narrow(1, ffn, ffn)}; },
        {x}}},
      {"B", 3 * bytes, 5 * bytes});
}

}  // namespace superpose::bench_ops
