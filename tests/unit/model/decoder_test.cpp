#include "model/decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <gtest/gtest.h>

#include <cmath>

#include "model/accounting.h"
#include "small_decoder.h"
#include "support/tolerances.h"

namespace superpose::model {
namespace {

using test::mean_coefficients;
using test::random_ids;
using test::SmallDecoder;

constexpr std::int64_t kRows = 2;
constexpr std::int64_t kLength = 12;

// Weights loud enough that every path shows in the output.
SmallDecoder loud_decoder() {
  ModelConfig config = test::small_config();
  config.init_std = 0.3;
  return SmallDecoder(config);
}

double loss_of(const SmallDecoder& small, const at::Tensor& ids, const at::Tensor& targets) {
  return small.decoder.loss(ids, targets, mean_coefficients(targets), Gradients::kNone)
      .item<double>();
}

TEST(Decoder, BagSizeOneIsNextTokenPrediction) {
  const SmallDecoder small = loud_decoder();
  const at::Tensor window = random_ids(64, {kRows, kLength + 1});
  const at::Tensor ids = window.narrow(1, 0, kLength).unsqueeze(-1);
  const at::Tensor targets = window.narrow(1, 1, kLength).unsqueeze(-1);
  const at::Tensor logits = small.decoder.logits(ids).view({kRows * kLength, 64});
  const double expected =
      at::cross_entropy_loss(logits, targets.reshape({kRows * kLength})).item<double>();
  // One mean over as many rows as there are positions, of values of the loss's size.
  EXPECT_NEAR(loss_of(small, ids, targets), expected,
              test::likely_sum_tolerance(test::kEpsilonF32, kRows * kLength + 64, expected));
  // A bag that holds one token twice is that token: the mean of two equal numbers is exact.
  const at::Tensor doubled = at::cat({ids, ids}, -1);
  EXPECT_TRUE(small.decoder.hidden(doubled, Gradients::kNone)
                  .equal(small.decoder.hidden(ids, Gradients::kNone)));
}

TEST(Decoder, TokenLossesAreThoseOfLogits) {
  const SmallDecoder small = loud_decoder();
  const at::Tensor window = random_ids(64, {kRows, kLength + 1, 1}).squeeze(-1);
  const at::Tensor ids = window.narrow(1, 0, kLength).unsqueeze(-1);
  const at::Tensor targets = window.narrow(1, 1, kLength).clone();
  targets.select(1, 3).fill_(-100);
  const at::Tensor losses = small.decoder.token_losses(ids, targets);
  const at::Tensor expected = at::cross_entropy_loss(
      small.decoder.logits(ids).to(at::kDouble).flatten(0, 1), targets.flatten(), {}, 0);
  EXPECT_LT((losses.flatten() - expected).abs().max().item<double>(), 1e-5);
  EXPECT_EQ(losses.select(1, 3).abs().max().item<float>(), 0);
  EXPECT_GT(losses.select(1, 2).abs().min().item<float>(), 0);
}

TEST(Decoder, ZLossIsTrainedOnAndNotMeasured) {
  SmallDecoder small = loud_decoder();
  DecoderOptions options;
  options.z_loss = 0.25;
  const Decoder with_z_loss(small.config, small.parameters, options);
  const at::Tensor ids = random_ids(64, {kRows, kLength, 2});
  const at::Tensor targets = random_ids(64, {kRows, kLength, 2});
  const at::Tensor mean = mean_coefficients(targets);
  EXPECT_EQ(with_z_loss.loss(ids, targets, mean, Gradients::kNone).item<float>(),
            small.decoder.loss(ids, targets, mean, Gradients::kNone).item<float>());
  const double plain = small.decoder.loss(ids, targets, mean, Gradients::kNone).item<double>();
  const double trained =
      with_z_loss.loss(ids, targets, mean, Gradients::kAccumulate).item<double>();
  const double squares = small.decoder.logits(ids).logsumexp({2}).square().mean().item<double>();
  EXPECT_NEAR(trained, plain + 0.25 * squares, 1e-5 * trained);
}

TEST(Decoder, NoBagSeesWhatComesAfterIt) {
  // Of experts the products have other sizes once other rows take them, and so other roundings.
  for (const auto& [name, shape] : test::dense_architectures()) {
    SCOPED_TRACE(name);
    ModelConfig config = shape;
    config.init_std = 0.3;
    const SmallDecoder small(config);
    for (const std::int64_t bag : {1, 2, 3, 6}) {
      const at::Tensor raw = random_ids(64, {kRows, kLength * bag});
      const at::Tensor before = small.decoder.logits(raw.view({kRows, kLength, bag}));
      for (std::int64_t j = 0; j + 1 < kLength; ++j) {
        at::Tensor changed = raw.clone();
        const std::int64_t first = (j + 1) * bag;
        changed.narrow(1, first, kLength * bag - first).add_(1).remainder_(64);
        const at::Tensor after = small.decoder.logits(changed.view({kRows, kLength, bag}));
        EXPECT_TRUE(after.narrow(1, 0, j + 1).equal(before.narrow(1, 0, j + 1)))
            << "bag size " << bag << ", bags up to " << j;
        EXPECT_FALSE(after.select(1, j + 1).equal(before.select(1, j + 1)));
      }
    }
  }
}

TEST(Decoder, InitialLossIsThatOfKnowingNothing) {
  const SmallDecoder small;
  constexpr std::int64_t kManyRows = 32;  // a loss is a mean of few logits otherwise
  for (const std::int64_t bag : {1, 2, 3, 6, 16}) {
    const at::Tensor ids = random_ids(64, {kManyRows, kLength, bag});
    const at::Tensor targets = random_ids(64, {kManyRows, kLength, bag});
    const double variance = small.decoder.logits(ids).var().item<double>();
    EXPECT_NEAR(loss_of(small, ids, targets), std::log(64.0) + variance / 2, 0.05) << bag;
  }
}

TEST(Decoder, OrderWithinABagDoesNotMatter) {
  const SmallDecoder small = loud_decoder();
  for (const std::int64_t bag : {2, 6}) {
    const at::Tensor ids = random_ids(64, {kRows, kLength, bag});
    const at::Tensor targets = random_ids(64, {kRows, kLength, bag});
    const double loss = loss_of(small, ids, targets);
    const double in = loss_of(small, ids.flip(-1), targets);
    const double out = loss_of(small, ids, targets.flip(-1));
    if (bag == 2) {
      EXPECT_EQ(in, loss);
      EXPECT_EQ(out, loss);
    } else {
      // The order of six additions changes a bag's mean by its rounding, which the layers carry on.
      const double tolerance = test::sum_tolerance(test::kEpsilonF32, 64, loss);
      EXPECT_NEAR(in, loss, tolerance);
      EXPECT_NEAR(out, loss, tolerance);
    }
  }
}

TEST(Decoder, PositionsAndFlopsAreEqualForEveryBagSize) {
  const SmallDecoder small;
  for (const std::int64_t bag : {1, 4, 16}) {
    const at::Tensor ids = random_ids(64, {kRows, kLength, bag});
    EXPECT_EQ(small.decoder.hidden(ids, Gradients::kNone).sizes(),
              (at::IntArrayRef{kRows * kLength, 24}));
  }
}

TEST(Decoder, PaddingInABagDoesNotCount) {
  const SmallDecoder small = loud_decoder();
  const at::Tensor ids = random_ids(64, {kRows, kLength, 1});
  const at::Tensor padded = at::cat({ids, at::full_like(ids, -1)}, -1);
  EXPECT_TRUE(small.decoder.logits(padded).equal(small.decoder.logits(ids)));
}

TEST(Decoder, EvaluationGivesTheSameLossWithoutAGraph) {
  SmallDecoder small = loud_decoder();
  const at::Tensor ids = random_ids(64, {kRows, kLength, 3});
  const at::Tensor targets = random_ids(64, {kRows, kLength, 3});
  const at::Tensor with =
      small.decoder.loss(ids, targets, mean_coefficients(targets), Gradients::kAccumulate);
  EXPECT_TRUE(with.requires_grad());
  const at::Tensor gradient = small.parameters.gradient().clone();
  const at::Tensor without =
      small.decoder.loss(ids, targets, mean_coefficients(targets), Gradients::kNone);
  EXPECT_FALSE(without.requires_grad());
  EXPECT_TRUE(small.parameters.gradient().equal(gradient));
  EXPECT_NEAR(with.item<double>(), without.item<double>(),
              test::sum_tolerance(test::kEpsilonF32, 4, with.item<double>()));
}

// Directional derivative by central differences: d loss / d direction = gradient . direction.
void expect_gradient_is_the_slope(SmallDecoder& small, const at::Tensor& ids,
                                  const at::Tensor& targets) {
  small.decoder.loss(ids, targets, mean_coefficients(targets), Gradients::kAccumulate).backward();
  const at::Tensor start = small.parameters.master().clone();
  for (const Parameter& parameter : small.parameters.list()) {
    const at::Tensor gradient = small.parameters.gradient_view(parameter.name);
    const double norm = gradient.norm().item<double>();
    ASSERT_GT(norm, 0) << parameter.name;
    // Along its own gradient, far enough that the loss's rounding (some 1e-6) is small against its
    // change of 0.004, near enough that the slope stays.
    const double step = 0.002 / norm;
    const at::Tensor direction = gradient / norm;
    const auto loss_at = [&](double distance) {
      small.parameters.view(parameter.name).add_(direction, distance);
      const double loss = loss_of(small, ids, targets);
      small.parameters.master().copy_(start);
      return loss;
    };
    const double slope = (loss_at(step) - loss_at(-step)) / (2 * step);
    EXPECT_NEAR(slope / norm, 1.0, 5e-3) << parameter.name;
  }
}

TEST(Decoder, GradientsAreTheSlopeOfTheLoss) {
  for (const auto& [name, shape] : test::dense_architectures()) {
    for (const Toggle tied : {Toggle::kOff, Toggle::kOn}) {
      SCOPED_TRACE(name);
      ModelConfig config = shape;
      config.init_std = 0.3;
      config.tie_embeddings = tied;
      SmallDecoder small(config);
      expect_gradient_is_the_slope(small, random_ids(64, {kRows, kLength, 2}),
                                   random_ids(64, {kRows, kLength, 2}));
    }
  }
}

// Every position goes to every expert, so that nothing jumps; f is that of a step before.
TEST(Decoder, GradientOfTheRoutersLossesIsTheirSlope) {
  ModelConfig config = test::architectures().back().second;
  config.moe.experts_per_token = config.moe.num_experts;
  config.init_std = 0.3;
  SmallDecoder small(config);
  const at::Tensor ids = random_ids(64, {kRows, kLength, 2});
  const at::Tensor targets = random_ids(64, {kRows, kLength, 2});
  DecoderOptions options;
  options.balance = {.weight = 2, .scope = BalanceScope::kStep, .z_loss = 0.5};
  options.positions_per_step = 2 * kRows * kLength;  // this pass is half of a step
  const Decoder decoder(small.config, small.parameters, options);
  const std::string router = small.parameters.sums_list().front().name;
  const at::Tensor last = small.parameters.last_sums(router);
  for (std::int64_t e = 0; e < 6; ++e) last[e] = static_cast<double>(e);
  small.parameters.zero_gradient();
  const at::Tensor loss =
      decoder.loss(ids, targets, mean_coefficients(targets), Gradients::kAccumulate);
  EXPECT_NEAR(loss.item<double>(), loss_of(small, ids, targets), 1e-5) << "not part of the loss";
  loss.backward();
  const at::Tensor start = small.parameters.master().clone();
  for (const char* name : {"model.layers.1.mlp.gate.weight", "model.embed_tokens.weight",
                           "model.layers.0.mlp.down_proj.weight"}) {
    const at::Tensor gradient = small.parameters.gradient_view(name).clone();
    const double norm = gradient.norm().item<double>();
    const auto objective_at = [&](double distance) {
      small.parameters.view(name).add_(gradient, distance / norm);
      small.parameters.sums(router).zero_();
      const double task =
          decoder.loss(ids, targets, mean_coefficients(targets), Gradients::kAccumulate)
              .item<double>();
      const RouterFigures figures = router_figures(small.parameters.sums(router), 6);
      small.parameters.master().copy_(start);
      return task + (2 * figures.balance_loss + 0.5 * figures.z_loss) / 2;
    };
    const double step = 0.002 / norm;
    const double slope = (objective_at(step) - objective_at(-step)) / (2 * step);
    EXPECT_NEAR(slope / norm, 1.0, 5e-3) << name;
  }
}

TEST(Decoder, NeedsThePositionsOfAStepForTheRoutersLosses) {
  const SmallDecoder small(test::architectures().back().second);
  DecoderOptions options;
  options.balance.weight = 0.01;
  EXPECT_THROW(Decoder(small.config, small.parameters, options), c10::ValueError);
}

TEST(Decoder, GradientsOfMicroBatchesAddUp) {
  SmallDecoder small = loud_decoder();
  const at::Tensor ids = random_ids(64, {4, kLength, 2});
  const at::Tensor targets = random_ids(64, {4, kLength, 2});
  const at::Tensor coefficients = mean_coefficients(targets);
  const at::Tensor whole_loss =
      small.decoder.loss(ids, targets, coefficients, Gradients::kAccumulate);
  whole_loss.backward();
  const at::Tensor whole = small.parameters.gradient().clone();
  small.parameters.zero_gradient();
  double loss = 0;
  for (std::int64_t row = 0; row < 4; ++row) {
    const at::Tensor part = small.decoder.loss(ids.narrow(0, row, 1), targets.narrow(0, row, 1),
                                               coefficients, Gradients::kAccumulate);
    part.backward();
    loss += part.item<double>();
  }
  EXPECT_NEAR(loss, whole_loss.item<double>(),
              test::sum_tolerance(test::kEpsilonF32, 8, whole_loss.item<double>()));
  const double largest = whole.abs().max().item<double>();
  EXPECT_LE((small.parameters.gradient() - whole).abs().max().item<double>(),
            test::likely_sum_tolerance(test::kEpsilonF32, 4 * kLength, largest));
}

TEST(Decoder, Bf16ComputesAboutTheSame) {
  ModelConfig config = test::small_config();
  config.init_std = 0.1;
  SmallDecoder f32(config);
  SmallDecoder bf16(config, at::kCPU, at::kBFloat16);
  const at::Tensor ids = random_ids(64, {kRows, kLength, 3});
  const at::Tensor targets = random_ids(64, {kRows, kLength, 3});
  const at::Tensor coefficients = mean_coefficients(targets);
  const at::Tensor exact = f32.decoder.loss(ids, targets, coefficients, Gradients::kAccumulate);
  const at::Tensor rounded = bf16.decoder.loss(ids, targets, coefficients, Gradients::kAccumulate);
  exact.backward();
  rounded.backward();
  EXPECT_EQ(bf16.parameters.gradient().scalar_type(), at::kFloat);
  EXPECT_EQ(bf16.decoder.hidden(ids, Gradients::kNone).scalar_type(), at::kBFloat16);
  // Eight to sixteen roundings in a row on the way through two layers, about independent.
  const double relative = 4 * test::kEpsilonBf16;
  EXPECT_NEAR(rounded.item<double>(), exact.item<double>(), relative * exact.item<double>());
  for (const Parameter& parameter : f32.parameters.list()) {
    const at::Tensor expected = f32.parameters.gradient_view(parameter.name);
    const at::Tensor difference = bf16.parameters.gradient_view(parameter.name) - expected;
    EXPECT_LE(difference.norm().item<double>(), 2 * relative * expected.norm().item<double>())
        << parameter.name;
  }
}

TEST(Decoder, RefusesShapesThatDoNotFit) {
  const SmallDecoder small;
  const at::Tensor ids = random_ids(64, {kRows, kLength, 2});
  EXPECT_THROW(small.decoder.logits(random_ids(64, {kRows, kLength})), c10::ValueError);
  EXPECT_THROW(small.decoder.logits(random_ids(64, {1, 2049, 1})), c10::ValueError);
  const at::Tensor targets = random_ids(64, {kRows, kLength - 1, 2});
  EXPECT_THROW(small.decoder.loss(ids, targets, mean_coefficients(targets), Gradients::kNone),
               c10::ValueError);
}

}  // namespace
}  // namespace superpose::model
