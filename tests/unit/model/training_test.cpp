// Model and optimizer together: one step on every device, and learning a batch by heart.
#include <ATen/Parallel.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "model/decoder.h"
#include "optim/gradient_norm.h"
#include "optim/optimizer.h"
#include "small_decoder.h"

namespace superpose::model {
namespace {

using test::mean_coefficients;
using test::SmallDecoder;

TEST(Training, TheWholeStepRunsOnTheMetaDevice) {
  for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
    for (const Toggle qk_norm : {Toggle::kOff, Toggle::kOn}) {
      ModelConfig config = test::small_config();
      config.qk_norm = qk_norm;
      SmallDecoder small(config, at::kMeta, compute);
      const auto options = at::TensorOptions().dtype(at::kLong).device(at::kMeta);
      const at::Tensor ids = at::zeros({2, 12, 6}, options);
      const at::Tensor coefficients = at::zeros({6}, options.dtype(at::kFloat));
      small.parameters.zero_gradient();
      const at::Tensor loss = small.decoder.loss(ids, ids, coefficients, Gradients::kAccumulate);
      EXPECT_EQ(loss.dim(), 0);
      EXPECT_TRUE(loss.is_meta());
      loss.backward();
      optim::Optimizer optimizer({}, small.parameters);
      optimizer.step(1e-3, 1.0);
      EXPECT_TRUE(small.decoder.logits(ids).is_meta());
    }
  }
}

double train_on_one_batch(SmallDecoder& small, std::int64_t steps) {
  optim::OptimConfig config;
  config.weight_decay = 0;
  optim::Optimizer optimizer(config, small.parameters);
  const at::Tensor ids = test::random_ids(64, {4, 16, 2});
  const at::Tensor targets = test::random_ids(64, {4, 16, 1});
  double loss = 0;
  for (std::int64_t step = 0; step < steps; ++step) {
    small.parameters.zero_gradient();
    const at::Tensor result =
        small.decoder.loss(ids, targets, mean_coefficients(targets), Gradients::kAccumulate);
    result.backward();
    const double norm = optim::gradient_norm(small.parameters.gradient());
    optimizer.step(1e-2, optim::clip_scale(norm, 1.0));
    loss = result.item<double>();
  }
  return loss;
}

TEST(Training, LearnsOneBatchByHeart) {
  SmallDecoder f32;
  EXPECT_LT(train_on_one_batch(f32, 120), 0.1);
  SmallDecoder bf16(test::small_config(), at::kCPU, at::kBFloat16);
  EXPECT_LT(train_on_one_batch(bf16, 120), 0.3);
}

TEST(Training, GapsBetweenWeightsStayZero) {
  SmallDecoder small;
  train_on_one_batch(small, 3);
  double inside = 0;
  for (const Parameter& parameter : small.parameters.list()) {
    inside += small.parameters.view(parameter.name).abs().sum(at::kDouble).item<double>();
  }
  // Sums of the same f32 values in f64, in another order.
  EXPECT_NEAR(small.parameters.master().abs().sum(at::kDouble).item<double>(), inside, 1e-9);
}

}  // namespace
}  // namespace superpose::model
