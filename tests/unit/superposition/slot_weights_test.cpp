#include "superposition/slot_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "support/tolerances.h"
#include "util/error.h"

namespace superpose::superposition {
namespace {

using enum SlotWeighting;
using test::kEpsilonF64;

TEST(SlotWeights, SumToOneForEverySize) {
  for (const SlotWeighting weighting : {kUniform, kInverse, kExponential}) {
    for (std::int64_t b = 1; b <= 64; ++b) {
      const std::vector<double> w = make_slot_weights(weighting, b);
      ASSERT_EQ(w.size(), static_cast<std::size_t>(b));
      // The sum that divides, the division and the sum here: 2 b + 1 roundings.
      EXPECT_NEAR(std::accumulate(w.begin(), w.end(), 0.0), 1.0,
                  test::sum_tolerance(kEpsilonF64, 2 * b + 1, 1.0));
    }
  }
}

TEST(SlotWeights, FollowTheirFormulas) {
  EXPECT_EQ(make_slot_weights(kUniform, 4), (std::vector<double>{0.25, 0.25, 0.25, 0.25}));

  const double harmonic = 1.0 + 1.0 / 2 + 1.0 / 3;
  const std::vector<double> inverse = make_slot_weights(kInverse, 3);
  EXPECT_DOUBLE_EQ(inverse[0], 1.0 / harmonic);
  EXPECT_DOUBLE_EQ(inverse[1], 1.0 / 2 / harmonic);
  EXPECT_DOUBLE_EQ(inverse[2], 1.0 / 3 / harmonic);

  const double geometric = 1.0 + std::exp(-1.0) + std::exp(-2.0);
  const std::vector<double> exponential = make_slot_weights(kExponential, 3);
  EXPECT_DOUBLE_EQ(exponential[0], 1.0 / geometric);
  EXPECT_DOUBLE_EQ(exponential[1], std::exp(-1.0) / geometric);
  EXPECT_DOUBLE_EQ(exponential[2], std::exp(-2.0) / geometric);
}

TEST(SlotWeights, ExplicitOnesAreNormalised) {
  EXPECT_EQ(make_slot_weights(kExplicit, 3, std::vector<double>{2, 0, 6}),
            (std::vector<double>{0.25, 0.0, 0.75}));
}

TEST(SlotWeights, OneSlotWeighsExactlyOne) {
  for (const SlotWeighting weighting : {kUniform, kInverse, kExponential}) {
    EXPECT_EQ(make_slot_weights(weighting, 1), (std::vector<double>{1.0}));
  }
  EXPECT_EQ(make_slot_weights(kExplicit, 1, std::vector<double>{0.3}), (std::vector<double>{1.0}));
}

TEST(SlotWeights, RefusesWhatIsNoWeight) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const std::vector<double>& numbers : std::vector<std::vector<double>>{{},
                                                                             {1.0},
                                                                             {1.0, 1.0, 1.0},
                                                                             {0.0, 0.0},
                                                                             {1.0, -0.5},
                                                                             {1.0, infinity},
                                                                             {1.0, std::nan("")},
                                                                             {1e308, 1e308}}) {
    EXPECT_THROW(make_slot_weights(kExplicit, 2, numbers), util::Error);
  }
  EXPECT_THROW(make_slot_weights(kUniform, 2, std::vector<double>{1.0, 1.0}), util::Error);
  EXPECT_THROW(make_slot_weights(kUniform, 0), util::Error);
}

TEST(SlotWeights, EveryChoiceHasItsName) {
  EXPECT_EQ(kSlotWeightingNames[static_cast<std::size_t>(kUniform)], "uniform");
  EXPECT_EQ(kSlotWeightingNames[static_cast<std::size_t>(kInverse)], "inverse");
  EXPECT_EQ(kSlotWeightingNames[static_cast<std::size_t>(kExponential)], "exponential");
  EXPECT_EQ(kSlotWeightingNames[static_cast<std::size_t>(kExplicit)], "explicit");
}

}  // namespace
}  // namespace superpose::superposition
