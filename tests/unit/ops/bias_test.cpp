#include "ops/bias.h"

#include <ATen/ops/ones.h>

#include "unit/ops/ops_test_support.h"

namespace superpose::ops::test {
namespace {

TEST(AddBiasAccumulate, AddsTheBiasAndItsGradient) {
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t rows : {0, 1, 5, 300}) {
      SCOPED_TRACE(testing::Message() << type << " " << rows);
      const at::ScalarType wide = type == at::kDouble ? at::kDouble : at::kFloat;
      const at::Tensor x = leaf(uniform({rows, 33}, type, 1));
      const at::Tensor bias = uniform({33}, wide, 2);
      const at::Tensor grad = uniform({rows, 33}, type, 3);
      const at::Tensor buffer = at::ones({33}, wide);
      const at::Tensor y = add_bias_accumulate(x, bias, buffer);
      y.backward(grad);
      EXPECT_EQ(y.scalar_type(), type);
      EXPECT_LE(difference(y, x.detach().to(at::kDouble) + bias), 4 * epsilon(type));
      EXPECT_TRUE(x.grad().equal(grad));
      const double terms = static_cast<double>(rows + 1);
      EXPECT_LE(difference(buffer - 1, grad.to(at::kDouble).sum(0)), terms * terms * epsilon(wide));
    }
  }
}

TEST(AddBiasAccumulate, RecordsOnlyWhatIsWanted) {
  const at::Tensor x = uniform({4, 5}, at::kFloat, 1);
  const at::Tensor bias = uniform({5}, at::kFloat, 2);
  EXPECT_FALSE(add_bias_accumulate(x, leaf(bias), {}).requires_grad());
  EXPECT_TRUE(add_bias_accumulate(x, bias, at::zeros({5})).requires_grad());
}

TEST(AddBiasAccumulate, RefusesWhatDoesNotFit) {
  const at::Tensor x = uniform({4, 5}, at::kFloat, 1);
  EXPECT_THROW(add_bias_accumulate(x, at::ones({4}), {}), c10::ValueError);
  EXPECT_THROW(add_bias_accumulate(x, at::ones({5}).to(at::kDouble), {}), c10::ValueError);
  EXPECT_THROW(add_bias_accumulate(x, at::ones({5}), at::zeros({4})), c10::ValueError);
  EXPECT_THROW(add_bias_accumulate(x.unsqueeze(0), at::ones({5}), {}), c10::ValueError);
}

}  // namespace
}  // namespace superpose::ops::test
