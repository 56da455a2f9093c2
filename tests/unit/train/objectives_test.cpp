#include <gtest/gtest.h>

#include "model/objective.h"
#include "superposition/objective.h"

namespace superpose::train {
namespace {

// A name in the list of recipes joins an objective's rule of reduction to what computes it.
TEST(Objectives, OfEveryNameThereIsOneThatComputesIt) {
  for (const superposition::ObjectiveTraits& traits : superposition::kObjectives) {
    EXPECT_EQ(model::find_objective(traits.name).name, traits.name);
  }
}

}  // namespace
}  // namespace superpose::train
