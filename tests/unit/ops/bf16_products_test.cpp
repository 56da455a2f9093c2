#include "ops/cpu/bf16_products.h"

#include <ATen/ops/matmul.h>

#include "ops/cpu/bf16_rows.h"
#include "ops/cpu/products.h"
#include "ops/linear.h"
#include "ops_test_support.h"
#include "support/tolerances.h"

namespace superpose::ops::cpu {
namespace {

using ops::test::difference;
using ops::test::max_abs;
using ops::test::uniform;

struct Sizes {
  std::int64_t rows, height, width;
};

// Below, at and beyond the blocks of each dimension; odd ones, whose last pair is half empty.
const std::vector<Sizes> kSizes = {{1, 1, 1},      {2, 3, 5},       {3, 5, 7},
                                   {63, 96, 288},  {513, 257, 33},  {130, 16, 513},
                                   {300, 600, 20}, {511, 63, 65},   {2047, 40, 17},
                                   {2049, 17, 40}, {4200, 300, 40}, {700, 64, 1050}};

// The product in f64, and the sum of the absolute values of an element's terms.
struct Exact {
  at::Tensor product;
  double magnitude;
};

Exact exact_product(const at::Tensor& a, const at::Tensor& b) {
  const auto product = [](const at::Tensor& x, const at::Tensor& y) {
    return at::matmul(x.to(at::kDouble).t(), y.to(at::kDouble));
  };
  return {product(a, b), max_abs(product(a.abs(), b.abs()))};
}

TEST(PairRows, LaysTwoRowsSideBySideAndTouchesNothingElse) {
  constexpr std::int64_t kStride = 45;
  constexpr std::int64_t kWordsStride = 41;
  const at::Tensor x = uniform({9, kStride}, at::kBFloat16, 1);
  const auto* data = reinterpret_cast<const Bf16*>(x.const_data_ptr<at::BFloat16>());
  ops::test::for_each_isa([&] {
    for (std::int64_t rows = 1; rows <= 9; ++rows) {
      for (std::int64_t columns = 1; columns <= 37; ++columns) {
        const at::Tensor expected = at::zeros({5, kWordsStride, 2}, at::kBFloat16);
        for (std::int64_t row = 0; row < rows; ++row) {
          expected.select(0, row / 2)
              .select(1, row % 2)
              .narrow(0, 0, columns)
              .copy_(x.select(0, row).narrow(0, 0, columns));
        }
        const at::Tensor words = at::zeros({5, kWordsStride}, at::kFloat);
        active_bf16_rows().pair({data, kStride}, rows, columns, words.mutable_data_ptr<float>(),
                                kWordsStride);
        ASSERT_TRUE(words.view(at::kBFloat16).view({5, kWordsStride, 2}).equal(expected))
            << rows << " x " << columns;
      }
    }
  });
}

class Bf16Products : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_bf16_products()) GTEST_SKIP() << "skipped: needs a CPU with AVX-512 bf16 or AMX";
  }
};

TEST_F(Bf16Products, AddTransposedProductsAsF64Does) {
  for (const Sizes& size : kSizes) {
    SCOPED_TRACE(testing::Message() << size.rows << " " << size.height << " " << size.width);
    const at::Tensor a = uniform({size.rows, size.height}, at::kBFloat16, 1);
    const at::Tensor b = uniform({size.rows, size.width}, at::kBFloat16, 2);
    const at::Tensor before = uniform({size.height, size.width}, at::kFloat, 3);
    const at::Tensor sum = before.clone();
    const Exact exact = exact_product(a, b);
    bf16_add_transposed_product(a, b, sum);
    EXPECT_LE(difference(sum, before.to(at::kDouble) + exact.product),
              superpose::test::sum_tolerance(superpose::test::kEpsilonF32, size.rows + 1,
                                             exact.magnitude + 1));
  }
}

// The reason for the product of our own: what is added in f32 is not a number of eight bits.
TEST_F(Bf16Products, WeightGradientsAreNotRoundedToBf16) {
  const std::int64_t rows = 1000;
  const at::Tensor x = ops::test::leaf(uniform({rows, 96}, at::kBFloat16, 1));
  const at::Tensor grad = uniform({rows, 160}, at::kBFloat16, 2);
  const at::Tensor buffer = at::zeros({160, 96}, at::kFloat);
  linear_accumulate(x, uniform({160, 96}, at::kBFloat16, 3), buffer).backward(grad);
  const Exact exact = exact_product(grad, x.detach());
  const double rounded = difference(exact.product.to(at::kBFloat16), exact.product);
  EXPECT_LE(
      difference(buffer, exact.product),
      superpose::test::likely_sum_tolerance(superpose::test::kEpsilonF32, rows, exact.magnitude));
  EXPECT_LE(difference(buffer, exact.product), rounded / 1000);
}

TEST_F(Bf16Products, TheSameBitsForAnyNumberOfThreads) {
  const at::Tensor a = uniform({2500, 300}, at::kBFloat16, 1);
  const at::Tensor b = uniform({2500, 200}, at::kBFloat16, 2);
  const auto run = [&](int threads) {
    const ops::test::Threads scope(threads);
    const at::Tensor sum = at::zeros({300, 200}, at::kFloat);
    bf16_add_transposed_product(a, b, sum);
    return sum;
  };
  const at::Tensor one = run(1);
  for (const int threads : {1, 2, 3, 8}) EXPECT_TRUE(run(threads).equal(one)) << threads;
}

}  // namespace
}  // namespace superpose::ops::cpu
