#include "ops/cpu/f32_products.h"

#include <ATen/ops/matmul.h>

#include <array>

#include "ops_test_support.h"

namespace superpose::ops::cpu {
namespace {

using ops::test::difference;
using ops::test::uniform;

struct Sizes {
  std::int64_t rows, depth, columns;
};

// Below, at and beyond the blocks of each dimension.
const std::vector<Sizes> kSizes = {
    {1, 1, 1},      {3, 5, 7},      {64, 96, 288},  {65, 257, 33},     {130, 16, 513},
    {300, 600, 20}, {513, 96, 300}, {2000, 40, 17}, {1100, 300, 1050}, {262, 530, 70}};

// Worst case of a sum of `depth` products of numbers below 1.
double tolerance(std::int64_t depth) {
  const auto terms = static_cast<double>(depth);
  return ops::test::epsilon(at::kFloat) * terms * terms;
}

class F32Products : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_f32_products()) GTEST_SKIP() << "skipped: needs a CPU with AVX-512";
  }
};

TEST_F(F32Products, MultiplyAsF64Does) {
  for (const Sizes& size : kSizes) {
    SCOPED_TRACE(size.rows);
    const at::Tensor a = uniform({size.rows, size.depth}, at::kFloat, 1);
    const at::Tensor b = uniform({size.depth, size.columns}, at::kFloat, 2);
    const at::Tensor out = uniform({size.rows, size.columns}, at::kFloat, 3);
    const at::Tensor expected = at::matmul(a.to(at::kDouble), b.to(at::kDouble));
    f32_product(a, b, out);
    EXPECT_LE(difference(out, expected), tolerance(size.depth));
    f32_product_transposed(a, b.t().contiguous(), out.zero_());
    EXPECT_LE(difference(out, expected), tolerance(size.depth));
  }
}

TEST_F(F32Products, AddTransposedProducts) {
  for (const Sizes& size : kSizes) {
    SCOPED_TRACE(size.rows);
    const at::Tensor a = uniform({size.rows, size.depth}, at::kFloat, 1);
    const at::Tensor b = uniform({size.rows, size.columns}, at::kFloat, 2);
    const at::Tensor sum = uniform({size.depth, size.columns}, at::kFloat, 3);
    const at::Tensor expected =
        sum.to(at::kDouble) + at::matmul(a.to(at::kDouble).t(), b.to(at::kDouble));
    f32_add_transposed_product(a, b, sum);
    EXPECT_LE(difference(sum, expected), tolerance(size.rows + 1));
  }
}

TEST_F(F32Products, TheSameBitsForAnyNumberOfThreads) {
  const at::Tensor a = uniform({1000, 300}, at::kFloat, 1);
  const at::Tensor b = uniform({300, 200}, at::kFloat, 2);
  const at::Tensor c = uniform({1000, 200}, at::kFloat, 3);
  const auto run = [&](int threads) {
    const ops::test::Threads scope(threads);
    const at::Tensor out = at::zeros({1000, 200}, at::kFloat);
    const at::Tensor turned = at::zeros({1000, 1000}, at::kFloat);
    const at::Tensor sum = at::zeros({300, 200}, at::kFloat);
    f32_product(a, b, out);
    f32_product_transposed(a, a, turned);
    f32_add_transposed_product(a, c, sum);
    return std::array{out, turned, sum};
  };
  const auto one = run(1);
  for (const int threads : {2, 3}) {
    const auto other = run(threads);
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(other[i].equal(one[i])) << i;
  }
}

}  // namespace
}  // namespace superpose::ops::cpu
