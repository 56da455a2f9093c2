#include "ops/linear.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include "support/names.h"
#include "unit/ops/ops_test_support.h"

namespace superpose::ops::test {
namespace {

using superpose::test::names;

struct Case {
  std::int64_t rows, in, out;
};

// Rounding of a product summed over `terms` numbers of size at most 1, and of its result.
double tolerance(at::ScalarType type, double terms) {
  const double sum_epsilon = epsilon(type == at::kDouble ? at::kDouble : at::kFloat);
  return terms * terms * sum_epsilon + terms * epsilon(type);
}

TEST(LinearAccumulate, EqualsTheProductAndAddsItsGradient) {
  for (const at::ScalarType type : kTypes) {
    for (const Case& size : {Case{1, 1, 1}, Case{5, 17, 33}, Case{64, 96, 31}, Case{0, 4, 3}}) {
      SCOPED_TRACE(testing::Message()
                   << type << " " << size.rows << " " << size.in << " " << size.out);
      const at::Tensor x = leaf(uniform({size.rows, size.in}, type, 1));
      const at::Tensor weight = uniform({size.out, size.in}, type, 2);
      const at::Tensor grad = uniform({size.rows, size.out}, type, 3);
      const at::Tensor buffer =
          at::ones({size.out, size.in}, type == at::kDouble ? at::kDouble : at::kFloat);
      const at::Tensor y = linear_accumulate(x, weight, buffer);
      y.backward(grad);
      const at::Tensor exact_x = x.detach().to(at::kDouble);
      const at::Tensor exact_grad = grad.to(at::kDouble);
      const at::Tensor exact_weight = weight.to(at::kDouble);
      const auto terms = [](std::int64_t n) { return static_cast<double>(n); };
      EXPECT_EQ(y.scalar_type(), type);
      EXPECT_LE(difference(y, at::mm(exact_x, exact_weight.t())), tolerance(type, terms(size.in)));
      EXPECT_LE(difference(x.grad(), at::mm(exact_grad, exact_weight)),
                tolerance(type, terms(size.out)));
      EXPECT_LE(difference(buffer - 1, at::mm(exact_grad.t(), exact_x)),
                tolerance(type, terms(size.rows + 1)));
    }
  }
}

TEST(LinearAccumulate, SeveralCallsAddUp) {
  const at::Tensor weight = uniform({6, 5}, at::kFloat, 1);
  const at::Tensor x = uniform({4, 5}, at::kFloat, 2);
  const at::Tensor buffer = at::zeros({6, 5});
  (linear_accumulate(x, weight, buffer).sum() + linear_accumulate(x, weight, buffer).sum())
      .backward();
  EXPECT_LE(difference(buffer, at::ones({6, 4}).mm(x).mul(2)), tolerance(at::kFloat, 4));
}

TEST(LinearAccumulate, TakesTensorsThatAreNotContiguous) {
  for (const at::ScalarType type : kTypes) {
    const at::Tensor x = uniform({7, 12}, type, 1).t();
    const at::Tensor weight = uniform({7, 9}, type, 2).t();
    const at::Tensor grad = uniform({9, 12}, type, 3).t();
    const at::ScalarType buffer_type = type == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor strided = at::zeros({9, 7}, buffer_type);
    const at::Tensor dense = at::zeros({9, 7}, buffer_type);
    const at::Tensor y = linear_accumulate(x, weight, strided);
    const at::Tensor z = linear_accumulate(x.contiguous(), weight.contiguous(), dense);
    y.backward(grad);
    z.backward(grad.contiguous());
    EXPECT_LE(difference(y, z), tolerance(type, 7));
    EXPECT_LE(difference(strided, dense), tolerance(type, 12));
  }
}

TEST(LinearAccumulate, RecordsOnlyWhatIsWanted) {
  const at::Tensor weight = uniform({6, 5}, at::kFloat, 1);
  const at::Tensor x = uniform({4, 5}, at::kFloat, 2);
  EXPECT_FALSE(linear_accumulate(x, leaf(weight), {}).requires_grad());
  EXPECT_TRUE(linear_accumulate(x, weight, at::zeros({6, 5})).requires_grad());
  const at::Tensor input = leaf(x);
  linear_accumulate(input, weight, {}).sum().backward();
  EXPECT_LE(difference(input.grad(), at::ones({4, 6}).mm(weight)), tolerance(at::kFloat, 6));
  const c10::NoGradGuard no_grad;
  EXPECT_FALSE(linear_accumulate(input, weight, at::zeros({6, 5})).requires_grad());
}

TEST(LinearAccumulate, RefusesWrongArguments) {
  const at::Tensor weight = at::zeros({6, 5});
  const at::Tensor buffer = at::zeros({6, 5});
  EXPECT_EQ(value_error([&] { linear_accumulate(at::zeros({5}), weight, buffer); }),
            "linear_accumulate: expected x [N, in], got [5]");
  EXPECT_THAT(value_error([&] {
                linear_accumulate(at::zeros({2, 4}), weight, buffer);
              }),
              names("linear_accumulate", "weight", "[out, 4]", "[6, 5]"));
  EXPECT_THAT(value_error([&] {
                linear_accumulate(at::zeros({2, 5}, at::kBFloat16), weight, buffer);
              }),
              names("linear_accumulate", "weight", "BFloat16", "Float"));
  EXPECT_THAT(value_error([&] {
                linear_accumulate(at::zeros({2, 5}), weight, at::zeros({5, 6}));
              }),
              names("linear_accumulate", "grad_weight", "[6, 5]", "[5, 6]"));
  const at::Tensor sum = linear_accumulate(at::zeros({2, 5}), weight, buffer).sum();
  EXPECT_THROW(sum.backward({}, std::nullopt, /*create_graph=*/true), c10::NotImplementedError);
}

TEST(LinearAccumulate, RunsOnTheMetaDevice) {
  const at::TensorOptions meta(at::kMeta);
  const at::Tensor x = leaf(at::empty({4096, 512}, meta.dtype(at::kBFloat16)));
  const at::Tensor weight = at::empty({100000, 512}, meta.dtype(at::kBFloat16));
  const at::Tensor y =
      linear_accumulate(x, weight, at::empty({100000, 512}, meta.dtype(at::kFloat)));
  EXPECT_EQ(y.sizes().vec(), (std::vector<std::int64_t>{4096, 100000}));
  y.sum().backward();
  EXPECT_EQ(x.grad().sizes(), x.sizes());
}

}  // namespace
}  // namespace superpose::ops::test
