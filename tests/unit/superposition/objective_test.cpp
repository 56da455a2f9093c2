#include "superposition/objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "util/error.h"

namespace superpose::superposition {
namespace {

using testing::ElementsAre;
using testing::FloatEq;

using Counts = std::vector<std::int64_t>;
using Weights = std::vector<double>;

TEST(LossCoefficients, OfTargetsDivideByTheCounts) {
  EXPECT_THAT(loss_coefficients(Terms::kOfTargets, Weights{0.75, 0.25}, Counts{10, 5}),
              ElementsAre(FloatEq(0.075F), FloatEq(0.05F)));
}

TEST(LossCoefficients, OfTargetsLeaveOutEmptySlotsAndRenormalise) {
  EXPECT_THAT(loss_coefficients(Terms::kOfTargets, Weights{0.5, 0.25, 0.25}, Counts{10, 0, 5}),
              ElementsAre(FloatEq(0.5F / 0.75F / 10), 0, FloatEq(0.25F / 0.75F / 5)));
}

TEST(LossCoefficients, OfPositionsAreOneOverThoseWithATarget) {
  for (const Weights& weights : {Weights{0.5, 0.25, 0.25}, Weights{0, 0, 1}}) {
    EXPECT_THAT(loss_coefficients(Terms::kOfPositions, weights, Counts{10, 7, 0}),
                ElementsAre(FloatEq(0.1F)));
  }
}

TEST(LossCoefficients, NothingToPredictIsRefused) {
  for (const Terms terms : {Terms::kOfTargets, Terms::kOfPositions}) {
    EXPECT_THROW(loss_coefficients(terms, Weights{0.5, 0.5}, Counts{0, 0}), util::Error);
  }
  EXPECT_THROW(loss_coefficients(Terms::kOfTargets, Weights{0, 1}, Counts{4, 0}), util::Error);
  EXPECT_THROW(loss_coefficients(Terms::kOfTargets, Weights{1}, Counts{4, 4}), util::Error);
}

TEST(Objective, OnlyMultiHotGoesWithoutSaying) {
  EXPECT_EQ(told_name(Objective::kMultiHot), "");
  for (std::size_t i = 1; i < kObjectives.size(); ++i) {
    EXPECT_EQ(told_name(static_cast<Objective>(i)), kObjectiveNames[i]);
  }
}

}  // namespace
}  // namespace superpose::superposition
