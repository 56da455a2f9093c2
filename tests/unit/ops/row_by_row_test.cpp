// Products row by row: right at every size, and the same bits for a row whatever is next to it.
#include "ops/row_by_row.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "ops/cpu/block_products.h"
#include "ops/cpu/row_dots.h"
#include "ops/expert_mlp.h"
#include "ops/linear.h"
#include "ops/recomputed_linear.h"
#include "ops_test_support.h"

namespace superpose::ops {
namespace {

using test::difference;
using test::epsilon;
using test::uniform;

// Every size around the blocks, out of wider matrices into a wider one, whose other elements stay
// as they are.
TEST(RowDots, MultiplyAsF64DoesAndTouchNoOtherElement) {
  constexpr std::int64_t kStride = 45;
  constexpr std::int64_t kMost = 19;
  const at::Tensor a = uniform({kMost, kStride}, at::kFloat, 1);
  const at::Tensor b = uniform({kMost, kStride}, at::kFloat, 2);
  const at::Tensor before = uniform({kMost, kStride}, at::kFloat, 3);
  test::for_each_isa([&] {
    for (std::int64_t rows = 1; rows <= 9; ++rows) {
      for (std::int64_t columns = 1; columns <= kMost; ++columns) {
        for (const std::int64_t depth : {1, 15, 16, 33}) {
          const at::Tensor expected = before.to(at::kDouble);
          expected.narrow(0, 0, rows)
              .narrow(1, 0, columns)
              .copy_(at::matmul(a.narrow(0, 0, rows).narrow(1, 0, depth).to(at::kDouble),
                                b.narrow(0, 0, columns).narrow(1, 0, depth).to(at::kDouble).t()));
          const at::Tensor out = before.clone();
          cpu::row_dots({rows, columns, depth}, {a.const_data_ptr<float>(), kStride},
                        {b.const_data_ptr<float>(), kStride}, out.mutable_data_ptr<float>(),
                        kStride);
          ASSERT_LE(difference(out, expected), epsilon(at::kFloat) * static_cast<double>(depth + 1))
              << rows << " x " << columns << " x " << depth;
        }
      }
    }
  });
}

// `product` of 1 to 9 rows: each row as it is alone, on other threads too.
template <class Product>
void expect_row_by_row(const at::Tensor& x, const Product& product, RowWay way) {
  test::for_each_isa([&] {
    const RowByRow row_by_row(way);
    std::vector<at::Tensor> alone;
    {
      const test::Threads one(1);
      for (std::int64_t r = 0; r < x.size(0); ++r) alone.push_back(product(x.narrow(0, r, 1)));
    }
    const test::Threads three(3);
    for (std::int64_t rows = 1; rows <= x.size(0); ++rows) {
      const at::Tensor all = product(x.narrow(0, x.size(0) - rows, rows));
      for (std::int64_t r = 0; r < rows; ++r) {
        EXPECT_TRUE(
            all.narrow(0, r, 1).equal(alone[static_cast<std::size_t>(x.size(0) - rows + r)]))
            << r << " of " << rows;
      }
    }
  });
}

template <class Product>
void expect_row_by_row(const at::Tensor& x, const Product& product) {
  expect_row_by_row(x, product, RowWay::kDots);
  expect_row_by_row(x, product, RowWay::kBlocks);
}

// Values of every size, as f32 has them: 24 bits each.
at::Tensor spread(at::IntArrayRef sizes, std::uint64_t seed) {
  return uniform(sizes, at::kFloat, seed) * uniform(sizes, at::kFloat, seed + 100).mul(12).exp2();
}

TEST(BlockProducts, MultiplyAsF64Does) {
  test::for_each_isa([&] {
    for (const std::int64_t rows : {1, 63, 64, 65, 200}) {
      for (const auto& [columns, depth] : {std::pair(1, 1), {33, 31}, {96, 576}, {530, 77}}) {
        const at::Tensor x = spread({rows, depth}, 1);
        const at::Tensor weight = spread({columns, depth}, 2);
        const at::Tensor out = at::empty({rows, columns});
        cpu::block_product_transposed(x, weight, out);
        const at::Tensor x64 = x.to(at::kDouble);
        const at::Tensor weight64 = weight.to(at::kDouble);
        const at::Tensor error = (out - at::matmul(x64, weight64.t())).abs();
        const at::Tensor size = at::matmul(x64.abs(), weight64.abs().t());
        // Roundings of sums; what the third of the parts leaves out is below them.
        const double roundings = 2 + std::sqrt(static_cast<double>(depth));
        EXPECT_LE((error / size).max().item<double>(), roundings * epsilon(at::kFloat))
            << rows << " x " << columns << " x " << depth;
      }
    }
  });
}

// Parts that are zero are left out: of a weight stored in bf16, and of one in f16.
TEST(BlockProducts, MultiplyWeightsOfFewerBits) {
  const at::Tensor x = uniform({70, 64}, at::kFloat, 1);
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    const at::Tensor weight = uniform({40, 64}, at::kFloat, 2).to(type).to(at::kFloat);
    const at::Tensor out = at::empty({70, 40});
    cpu::block_product_transposed(x, weight, out);
    const at::Tensor expected = at::matmul(x.to(at::kDouble), weight.to(at::kDouble).t());
    EXPECT_LE(difference(out, expected), 8 * epsilon(at::kFloat));
  }
}

TEST(BlockProducts, GiveARowTheSameBitsAmongManyOthers) {
  const at::Tensor x = spread({200, 100}, 1);
  const at::Tensor weight = spread({1030, 100}, 2);
  test::for_each_isa([&] {
    const auto product = [&](const at::Tensor& rows) {
      const at::Tensor out = at::empty({rows.size(0), weight.size(0)});
      cpu::block_product_transposed(rows, weight, out);
      return out;
    };
    const at::Tensor all = product(x);
    const test::Threads three(3);
    EXPECT_TRUE(product(x).equal(all));
    for (const std::int64_t row : {0, 63, 64, 127, 191, 192, 199}) {
      EXPECT_TRUE(product(x.narrow(0, row, 1)).equal(all.narrow(0, row, 1))) << row;
      const std::int64_t count = std::min<std::int64_t>(70, 200 - row);
      EXPECT_TRUE(product(x.narrow(0, row, count)).equal(all.narrow(0, row, count))) << row;
    }
  });
}

TEST(RowByRow, GivesARowOfEveryLinearLayerTheSameBits) {
  const at::Tensor x = uniform({9, 1003}, at::kFloat, 1);
  const at::Tensor weight = uniform({301, 1003}, at::kFloat, 2);
  expect_row_by_row(x, [&](const at::Tensor& in) { return linear_accumulate(in, weight, {}); });
  const at::Tensor norm = uniform({1003}, at::kFloat, 3);
  expect_row_by_row(x, [&](const at::Tensor& in) {
    return std::get<1>(add_rms_norm_linear_accumulate(in, in, {norm, 1e-5, {}}, weight, {}));
  });
  const at::Tensor down = uniform({301, 500}, at::kFloat, 4);
  expect_row_by_row(x.narrow(1, 0, 1000).contiguous(),
                    [&](const at::Tensor& in) { return swiglu_linear_accumulate(in, down, {}); });
}

TEST(RowByRow, GivesARowOfExpertsTheSameBits) {
  const at::Tensor x = uniform({9, 70}, at::kFloat, 1);
  const at::Tensor gate_up = uniform({5, 2 * 33, 70}, at::kFloat, 2);
  const at::Tensor down = uniform({5, 70, 33}, at::kFloat, 3);
  // Every row chooses by its own first element.
  expect_row_by_row(x, [&](const at::Tensor& in) {
    const at::Tensor first = in.narrow(1, 0, 1).abs().mul(4.999).to(at::kLong);
    const at::Tensor experts = at::cat({first, (first + 2).remainder(5)}, 1);
    const at::Tensor shares = in.narrow(1, 1, 2).abs().contiguous();
    return expert_mlp_accumulate(in, experts, shares, {gate_up, down, {}, {}});
  });
}

TEST(RowByRow, EndsWithItsScope) {
  EXPECT_EQ(row_way(), RowWay::kAny);
  {
    const RowByRow outer;
    {
      const RowByRow inner(RowWay::kBlocks);
      EXPECT_EQ(row_way(), RowWay::kBlocks);
    }
    EXPECT_EQ(row_way(), RowWay::kDots);
  }
  EXPECT_EQ(row_way(), RowWay::kAny);
}

TEST(RowByRow, LeavesOtherTypesAndNoRowsAsTheyAre) {
  for (const RowWay way : {RowWay::kDots, RowWay::kBlocks}) {
    const RowByRow row_by_row(way);
    for (const at::ScalarType type : {at::kBFloat16, at::kDouble}) {
      const at::Tensor x = uniform({3, 20}, type, 1);
      const at::Tensor weight = uniform({7, 20}, type, 2);
      EXPECT_TRUE(linear_accumulate(x, weight, {}).equal(at::matmul(x, weight.t())));
    }
    EXPECT_EQ(linear_accumulate(at::empty({0, 20}), at::empty({7, 20}), {}).size(0), 0);
  }
}

}  // namespace
}  // namespace superpose::ops
