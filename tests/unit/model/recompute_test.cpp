#include "model/recompute.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include "small_decoder.h"

namespace superpose::model {
namespace {

using test::mean_coefficients;
using test::random_ids;
using test::SmallDecoder;

struct Gradient {
  at::Tensor loss, values;
};

// Loss, and gradient with what the routers counted, of four layers; a decoder of its own, with the
// same weights each time.
Gradient gradient_of(std::int64_t recompute_every, ModelConfig config, at::ScalarType compute,
                     const at::Tensor& ids, const at::Tensor& targets) {
  config.num_layers = 4;
  config.init_std = 0.3;
  SmallDecoder small(config, at::kCPU, compute);
  DecoderOptions options;
  options.recompute_every = recompute_every;
  options.balance = {.weight = 0.5, .z_loss = 0.1};
  options.positions_per_step = 4 * 12;
  const Decoder decoder(small.config, small.parameters, options);
  // Twice: gradients add up.
  at::Tensor loss;
  for (int micro_batch = 0; micro_batch < 2; ++micro_batch) {
    loss = decoder.loss(ids, targets, mean_coefficients(targets), Gradients::kAccumulate);
    loss.backward();
  }
  return {loss.detach(), small.parameters.gradient_with_mailbox().clone()};
}

TEST(Recompute, GivesTheSameBits) {
  const at::Tensor ids = random_ids(64, {2, 12, 3});
  const at::Tensor targets = random_ids(64, {2, 12, 3});
  for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
    for (const auto& [name, config] : test::architectures()) {
      SCOPED_TRACE(name);
      const Gradient kept = gradient_of(0, config, compute, ids, targets);
      EXPECT_GT(kept.values.abs().max().item<double>(), 0);
      for (const std::int64_t every : {1, 2, 3, 9}) {
        const Gradient recomputed = gradient_of(every, config, compute, ids, targets);
        EXPECT_TRUE(recomputed.loss.equal(kept.loss)) << every;
        EXPECT_TRUE(recomputed.values.equal(kept.values)) << every;
      }
    }
  }
}

TEST(Recompute, RunsEachChosenLayerOnceMore) {
  int calls = 0;
  const LayerFunction layer = [&calls](const Residual& in) {
    ++calls;
    return Residual{in.sum * 2, in.sum * 3};
  };
  const at::Tensor sum = at::empty({2, 3}).fill_(1).requires_grad_();
  const Residual out = recomputed(layer, {sum, {}});
  EXPECT_EQ(calls, 1);
  (out.sum.sum() + out.update.sum()).backward();
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(sum.grad().equal(at::empty({2, 3}).fill_(5)));
}

TEST(Recompute, KeepsNothingOfTheLayer) {
  at::Tensor inner;
  const LayerFunction layer = [&inner](const Residual& in) {
    inner = in.sum * 2;
    return Residual{inner.exp(), inner + 1};
  };
  const at::Tensor sum = at::empty({4}).fill_(1).requires_grad_();
  const Residual out = recomputed(layer, {sum, {}});
  EXPECT_EQ(inner.use_count(), 1) << "held by this test alone";
  EXPECT_TRUE(out.sum.requires_grad());
}

}  // namespace
}  // namespace superpose::model
