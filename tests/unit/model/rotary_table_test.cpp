#include "model/rotary_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "small_decoder.h"
#include "support/tolerances.h"

namespace superpose::model {
namespace {

ModelConfig config_with_theta(double theta) {
  ModelConfig config = test::small_config();
  config.rope_theta = theta;
  config.max_positions = 300;
  return resolve(config, 0);
}

TEST(RotaryTable, FrequenciesFallGeometrically) {
  const std::vector<double> frequencies = rotary_frequencies(config_with_theta(10'000));
  ASSERT_EQ(frequencies.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(frequencies[i], std::pow(10.0, -static_cast<double>(i)), 1e-12);
  }
}

TEST(RotaryTable, HoldsCosinesAndSinesOfPositions) {
  const RotaryTable table = make_rotary_table(config_with_theta(10'000), at::kCPU);
  ASSERT_EQ(table.cosines.sizes(), (at::IntArrayRef{300, 4}));
  // The angle is rounded twice to f32 (frequency, product), the value once more.
  const double tolerance = 3 * test::rounding_tolerance(test::kEpsilonF32, 299);
  EXPECT_EQ(table.cosines[0][3].item<float>(), 1.0F);
  EXPECT_NEAR(table.cosines[299][0].item<double>(), std::cos(299.0), tolerance);
  EXPECT_NEAR(table.sines[299][1].item<double>(), std::sin(29.9), tolerance);
}

TEST(RotaryTable, Llama3KeepsHighDividesLowAndBlendsBetween) {
  ModelConfig config = config_with_theta(10'000);
  config.rope_scaling = {RopeScalingKind::kLlama3, 8.0, 1.0, 4.0, 64};
  const std::vector<double> scaled = rotary_frequencies(config);
  // Wavelengths 6.28, 62.8, 628, 6283; kept below 16, divided above 64.
  EXPECT_NEAR(scaled[0], 1.0, 1e-12);
  const double t = (64 * 0.1 / (2 * std::numbers::pi) - 1) / 3;
  EXPECT_NEAR(scaled[1], t * 0.1 + (1 - t) * 0.1 / 8, 1e-12);
  EXPECT_NEAR(scaled[2], 0.01 / 8, 1e-12);
  EXPECT_NEAR(scaled[3], 0.001 / 8, 1e-12);
}

}  // namespace
}  // namespace superpose::model
