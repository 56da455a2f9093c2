#include "experiment/grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipes.h"
#include "support/error_of.h"
#include "support/names.h"

namespace superpose::experiment {
namespace {

using test::names;
using test::small_recipe;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> names(const std::vector<Arm>& arms) {
  std::vector<std::string> result;
  for (const Arm& arm : arms) result.push_back(arm.name);
  return result;
}

std::string grid_error(const std::string& more) {
  return test::error_of([&] { make_arms(small_recipe(more)); });
}

TEST(Grid, EveryArmButTheBaselineRunsWithEachCombination) {
  const std::vector<Arm> arms = make_arms(
      small_recipe("[compare.grid]\n\"phases.share\" = [0.2, 0.3]\nphases.bag_size = [2, 4]\n"));
  EXPECT_THAT(names(arms),
              ElementsAre("baseline", "tst-bag_size-2-share-0.2", "tst-bag_size-2-share-0.3",
                          "tst-bag_size-4-share-0.2", "tst-bag_size-4-share-0.3"));
  EXPECT_THAT(arms[0].config.phases, IsEmpty());
  EXPECT_THAT(arms[0].grid_values, IsEmpty());
  EXPECT_EQ(arms[3].config.phases[0].bag_size, 4);
  EXPECT_EQ(arms[3].config.phases[0].share, 0.2);
  EXPECT_THAT(arms[3].grid_values, ElementsAre("4", "0.2"));
}

TEST(Grid, AnyKeyAndAnyArm) {
  const std::vector<Arm> arms = make_arms(small_recipe(R"(
[compare.grid]
optim.decay_shape = ["linear", "one_minus_sqrt"]
[[compare.arms]]
name = "baseline"
[[compare.arms]]
name = "a"
budgets = [0.5, 1.0]
overrides = { "optim.eps" = 1e-9 }
[[compare.arms]]
name = "b"
)"));
  EXPECT_THAT(names(arms),
              ElementsAre("baseline", "a-decay_shape-linear", "a-decay_shape-one_minus_sqrt",
                          "b-decay_shape-linear", "b-decay_shape-one_minus_sqrt"));
  EXPECT_EQ(arms[2].config.optim.decay_shape, optim::DecayShape::kOneMinusSqrt);
  EXPECT_EQ(arms[2].config.optim.eps, 1e-9);
  EXPECT_THAT(arms[2].budgets, ElementsAre(0.5, 1.0));
}

TEST(Grid, PhasesMeansTheOnlyOneWithBags) {
  const std::string grid = "[compare.grid]\n\"phases.bag_size\" = [2, 4]\n";
  Recipe recipe = small_recipe(grid);
  recipe.base.phases = {{.share = 0.1}, {.share = 0.2, .bag_size = 8}};
  EXPECT_EQ(make_arms(recipe)[2].config.phases[0].bag_size, 1);
  EXPECT_EQ(make_arms(recipe)[2].config.phases[1].bag_size, 4);
  recipe.base.phases[0].bag_size = 3;
  EXPECT_THAT(test::error_of([&] { make_arms(recipe); }),
              names("compare.grid", "phases.bag_size", "arm tst", "2", "phases[0].bag_size"));
  EXPECT_THAT(grid_error(grid + "[[compare.arms]]\nname = \"baseline\"\n[[compare.arms]]\nname = "
                                "\"plain\"\noverrides = { phases = [] }\n"),
              names("arm plain", "0"));
  recipe.compare.grid = {{"phases[0].bag_size", "[5]"}};
  EXPECT_EQ(make_arms(recipe)[1].config.phases[0].bag_size, 5);
}

TEST(Grid, WhatCannotBeAGridIsRefused) {
  const auto with = [](const std::string& line) { return grid_error("[compare.grid]\n" + line); };
  EXPECT_THAT(with("optim.eps = 1e-9"), names("optim.eps", "list", "1e-09"));
  EXPECT_THAT(with("optim.eps = []"), names("optim.eps", "list"));
  EXPECT_THAT(with("optim.eps = [1e-9, 1e-9]"), names("optim.eps", "twice"));
  EXPECT_THAT(with("optim.epps = [1e-9]"), names("optim.epps", "optim.eps"));
  EXPECT_THAT(with("data.sources = [[\"a\"]]"),
              names("compare.grid", "data.sources", "validation sets"));
  EXPECT_THAT(with("train.seed = [1, 2]"), HasSubstr("compare.grid: train.seed"));
  EXPECT_THAT(with("optim.learning_rate = [0.1]\n[compare]\nlearning_rates = [0.1]\n"),
              HasSubstr("compare.grid: optim.learning_rate"));
  EXPECT_THAT(with("optim.eps = [1e-9]\n[[compare.arms]]\nname = \"baseline\"\n"),
              names("compare.grid", "other than", "baseline"));
  EXPECT_THAT(with("optim.eps = [1e-9]\n[[compare.arms]]\nname = \"baseline\"\n"
                   "[[compare.arms]]\nname = \"a\"\noverrides = { optim.eps = 1e-7 }\n"),
              names("arm a", "optim.eps", "already"));
  EXPECT_THAT(with("phases.bag_size = [2]\n\"phases[0].bag_size\" = [4]\n"),
              names("arm tst", "phases[0].bag_size", "already"));
  EXPECT_THAT(with("optim.decay_shape = [\"a b\", \"a_b\"]\n"),
              names("two arms", "tst-decay_shape-a_b"));
}

TEST(Grid, TheFingerprintIsThatOfTheArmsItMakes) {
  const Recipe with_grid = small_recipe("[compare.grid]\noptim.eps = [1e-9, 1e-7]\n");
  const Recipe by_hand = small_recipe(R"(
[[compare.arms]]
name = "baseline"
overrides = { phases = [] }
[[compare.arms]]
name = "tst-eps-1e-09"
overrides = { optim.eps = 1e-9 }
[[compare.arms]]
name = "tst-eps-1e-07"
overrides = { optim.eps = 1e-7 }
)");
  EXPECT_EQ(fingerprint(with_grid), fingerprint(by_hand));
}

}  // namespace
}  // namespace superpose::experiment
