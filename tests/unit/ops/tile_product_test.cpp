#include "ops/cpu/tile_product.h"

#include <ATen/ops/matmul.h>

#include "ops_test_support.h"

namespace superpose::ops::cpu {
namespace {

// Every size around the blocks of 4 rows and of 4, 8 and 16 columns, out of wider matrices into a
// wider one, whose other elements stay as they are.
TEST(TileProduct, MultipliesAsF64DoesAndTouchesNoOtherElement) {
  constexpr std::int64_t kStride = 45;
  constexpr std::int64_t kMost = 34;
  const at::Tensor a = ops::test::uniform({kMost, kStride}, at::kFloat, 1);
  const at::Tensor b = ops::test::uniform({kMost, kStride}, at::kFloat, 2);
  const at::Tensor before = ops::test::uniform({kMost, kStride}, at::kFloat, 3);
  const auto check = [&](const ProductSize& size, Into into) {
    const at::Tensor product =
        at::matmul(a.narrow(0, 0, size.rows).narrow(1, 0, size.depth).to(at::kDouble),
                   b.narrow(0, 0, size.depth).narrow(1, 0, size.columns).to(at::kDouble));
    const at::Tensor expected = before.to(at::kDouble);
    const at::Tensor written = expected.narrow(0, 0, size.rows).narrow(1, 0, size.columns);
    if (into == Into::kSum) {
      written.add_(product);
    } else {
      written.copy_(product);
    }
    const at::Tensor out = before.clone();
    tile_product(size, {a.const_data_ptr<float>(), kStride}, {b.const_data_ptr<float>(), kStride},
                 out.mutable_data_ptr<float>(), kStride, into);
    const double tolerance =
        40 * ops::test::epsilon(at::kFloat) * static_cast<double>(size.depth + 1);
    ASSERT_LE(ops::test::difference(out, expected), tolerance)
        << size.rows << " x " << size.columns << " x " << size.depth;
  };
  ops::test::for_each_isa([&] {
    for (std::int64_t rows = 1; rows <= 9; ++rows) {
      for (std::int64_t columns = 1; columns <= kMost; ++columns) {
        for (const std::int64_t depth : {1, 2, 33}) {
          check({rows, columns, depth}, Into::kEmpty);
          check({rows, columns, depth}, Into::kSum);
        }
      }
    }
  });
}

}  // namespace
}  // namespace superpose::ops::cpu
