#include "bench/part_costs.h"

#include <gtest/gtest.h>

#include "model/accounting.h"

namespace superpose::bench {
namespace {

model::ModelConfig small_model() {
  model::ModelConfig config;
  config.preset = "small";
  return model::resolve(config, 1);
}

double total(const PartCost& cost) { return cost.forward + cost.backward + cost.weight_gradient; }

TEST(PartCosts, ProductsAddUpToTheFlopsOfAStep) {
  const model::ModelConfig config = small_model();
  const StepCosts step{.shape = {.positions = 2048, .sequence_length = 512, .bag_size = 4},
                       .parameters = model::parameter_count(config)};
  double flops = 0;
  for (const char* part : {"qkv", "attention", "o", "gate_up", "down", "head and loss"}) {
    const auto cost = cost_of(part, config, step);
    ASSERT_TRUE(cost) << part;
    EXPECT_EQ(cost->unit, CostUnit::kFlops) << part;
    flops += total(*cost);
  }
  // The closed form counts the norms' weights, too.
  const double norms = 512.0 * (2 * 8 + 1);
  EXPECT_DOUBLE_EQ(flops, 2048 * (model::flops_per_position(config, 512) - 6 * norms));
}

TEST(PartCosts, BytesOfTheCompute) {
  const model::ModelConfig config = small_model();
  StepCosts step{.shape = {.positions = 100, .sequence_length = 50, .bag_size = 4},
                 .parameters = 1000,
                 .optimizer_bytes = 28'000};
  const auto of = [&](const char* part) { return cost_of(part, config, step).value(); };
  EXPECT_EQ(of("swiglu").forward, 100.0 * 4 * 3 * 1376 * 8);
  EXPECT_EQ(of("swiglu").backward, 100.0 * 4 * 8 * 1376 * 8);
  EXPECT_EQ(of("norm").forward, 100.0 * 4 * 512 * (4 * 17 - 2));
  EXPECT_EQ(of("embedding").forward, 100.0 * 4 * 512 * 5);
  EXPECT_EQ(of("embedding").backward, 100.0 * 512 * (4 + 4 * 8));
  EXPECT_EQ(of("optimizer").forward, 28'000);
  step.shape.bf16 = true;
  EXPECT_EQ(of("swiglu").forward, 100.0 * 2 * 3 * 1376 * 8);
}

TEST(PartCosts, NothingForAnUnknownPart) {
  EXPECT_FALSE(cost_of("other", small_model(), StepCosts{}));
}

}  // namespace
}  // namespace superpose::bench
