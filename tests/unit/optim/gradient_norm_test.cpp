#include "optim/gradient_norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/tolerances.h"

namespace superpose::optim {
namespace {

TEST(GradientNorm, IsTheNormInF64) {
  for (const std::int64_t size : {0, 1, 15, 16, 17, 16'384, 16'385, 100'003}) {
    const at::Tensor gradient = at::randn({size}, at::kFloat);
    const double expected = gradient.to(at::kDouble).norm().item<double>();
    EXPECT_NEAR(gradient_norm(gradient), expected,
                test::sum_tolerance(test::kEpsilonF64, size + 1, expected))
        << size;
  }
}

TEST(GradientNorm, NeitherOverflowsNorVanishesWithinF32) {
  EXPECT_NEAR(gradient_norm(at::full({4}, 1e30F, at::kFloat)) / 2e30, 1.0, 1e-7);
  EXPECT_NEAR(gradient_norm(at::full({4}, 1e-30F, at::kFloat)) / 2e-30, 1.0, 1e-7);
}

TEST(GradientNorm, TheSameBitsForAnyNumberOfThreads) {
  const at::Tensor gradient = at::randn({300'001}, at::kFloat);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const double one = gradient_norm(gradient);
  for (const int number : {2, 3}) {
    at::set_num_threads(number);
    EXPECT_EQ(gradient_norm(gradient), one) << number;
  }
  at::set_num_threads(threads);
}

TEST(GradientNorm, IsFiniteExactlyWhereEveryElementIs) {
  at::Tensor gradient = at::randn({50'000}, at::kFloat);
  EXPECT_TRUE(std::isfinite(gradient_norm(gradient)));
  gradient[49'999] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(std::isfinite(gradient_norm(gradient)));
  gradient[49'999] = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(std::isfinite(gradient_norm(gradient)));
}

TEST(GradientNorm, RefusesWhatHasNoFlatValues) {
  EXPECT_THROW(gradient_norm(at::zeros({2, 2}, at::kFloat)), c10::ValueError);
  EXPECT_THROW(gradient_norm(at::zeros({2}, at::kDouble)), c10::ValueError);
  EXPECT_THROW(gradient_norm(at::zeros({2}, at::TensorOptions().device(at::kMeta))),
               c10::ValueError);
}

TEST(ClipScale, IsTorchsFormula) {
  EXPECT_EQ(clip_scale(0.5, 1.0), 1.0);
  EXPECT_EQ(clip_scale(4.0, 1.0), 1.0 / (4.0 + 1e-6));
  EXPECT_EQ(clip_scale(4.0, 0.0), 1.0);
  EXPECT_EQ(clip_scale(0.0, 1.0), 1.0);
}

}  // namespace
}  // namespace superpose::optim
