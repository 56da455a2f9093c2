#include "ops/cpu/transpose.h"

#include "ops_test_support.h"

namespace superpose::ops::cpu {
namespace {

// Every size around the tiles of 4, 8 and 16, out of a wider matrix into a wider one, whose other
// elements stay as they are.
TEST(Transpose, MovesEveryElementAndTouchesNoOther) {
  constexpr std::int64_t kFromStride = 50;
  constexpr std::int64_t kToStride = 45;
  const at::Tensor from = ops::test::uniform({40, kFromStride}, at::kFloat, 1);
  ops::test::for_each_isa([&] {
    for (std::int64_t rows = 0; rows <= 37; ++rows) {
      for (std::int64_t columns = 0; columns <= 37; ++columns) {
        const at::Tensor expected = at::zeros({40, kToStride}, at::kFloat);
        expected.narrow(0, 0, columns)
            .narrow(1, 0, rows)
            .copy_(from.narrow(0, 0, rows).narrow(1, 0, columns).t());
        const at::Tensor to = at::zeros({40, kToStride}, at::kFloat);
        transpose({from.const_data_ptr<float>(), kFromStride}, rows, columns,
                  to.mutable_data_ptr<float>(), kToStride);
        ASSERT_TRUE(to.equal(expected)) << rows << " x " << columns;
      }
    }
  });
}

}  // namespace
}  // namespace superpose::ops::cpu
