#include "experiment/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipes.h"
#include "support/error_of.h"
#include "support/names.h"

namespace superpose::experiment {
namespace {

using test::names;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Folders of what --only runs.
std::vector<std::string> only(const std::string& text, const std::string& compare) {
  const Recipe recipe = test::small_recipe(compare);
  const std::vector<Arm> arms = make_arms(recipe);
  const std::vector<PlannedRun> runs = plan_runs(arms, recipe.compare, {});
  const Selection selection = parse_selection(text, arms, recipe.compare);
  std::vector<std::string> folders;
  for (const PlannedRun& run : select_runs(runs, selection, arms)) folders.push_back(run.folder);
  return folders;
}

std::string error_of(const std::string& text) {
  return test::error_of([&] { only(text, ""); });
}

TEST(Selection, EmptyTextIsEverything) {
  EXPECT_THAT(only("", "[compare]\nseeds = [1, 2]\n"),
              ElementsAre("baseline-seed-1", "tst-seed-1", "baseline-seed-2", "tst-seed-2"));
}

TEST(Selection, ConditionsOfDifferentKeysMustAllHold) {
  const std::string seeds = "[compare]\nseeds = [1, 2, 3]\n";
  EXPECT_THAT(only("arm=tst,seed=2", seeds), ElementsAre("tst-seed-2"));
  EXPECT_THAT(only("seed=2", seeds), ElementsAre("baseline-seed-2", "tst-seed-2"));
  EXPECT_THAT(only("arm=tst,seed=3,seed=1", seeds), ElementsAre("tst-seed-1", "tst-seed-3"));
}

TEST(Selection, ABranchBringsItsTrunk) {
  const std::string budgets = "[compare]\nbudgets = [0.4, 0.7, 1.0]\n";
  EXPECT_THAT(only("arm=tst,budget=0.4", budgets),
              ElementsAre("tst-seed-1", "tst-seed-1-budget-0.4"));
  EXPECT_THAT(only("arm=tst,budget=1", budgets), ElementsAre("tst-seed-1"));
}

TEST(Selection, ABranchBringsEveryRunAboveIt) {
  const std::string arms = R"(
[[compare.arms]]
name = "baseline"
overrides = { phases = [] }
[[compare.arms]]
name = "tst"
[[compare.arms]]
name = "short"
overrides = { "phases[0].share" = 0.2 }
[[compare.arms]]
name = "early"
overrides = { "phases[0].share" = 0.2, "optim.decay_share" = 0.5 }
)";
  EXPECT_THAT(only("arm=early", arms), ElementsAre("tst-seed-1", "short-seed-1", "early-seed-1"));
  // early branches from the points of short's grid, and these from those of tst's.
  EXPECT_THAT(only("arm=early", "[compare]\nlearning_rates = [0.1]\n" + arms),
              ElementsAre("tst-seed-0-rate-0.1", "short-seed-0-rate-0.1", "early-seed-0-rate-0.1",
                          "early-seed-1-rate-best"));
}

TEST(Selection, AResultBringsTheGridOfItsArm) {
  const std::string grid = "[compare]\nseeds = [1, 2]\nlearning_rates = [0.1, 0.2]\n";
  EXPECT_THAT(only("arm=tst,seed=2", grid),
              ElementsAre("tst-seed-0-rate-0.1", "tst-seed-0-rate-0.2", "tst-seed-2-rate-best"));
  EXPECT_THAT(only("seed=0,arm=baseline", grid),
              ElementsAre("baseline-seed-0-rate-0.1", "baseline-seed-0-rate-0.2"));
}

TEST(Selection, WhatTheRecipeDoesNotHaveIsAnError) {
  EXPECT_THAT(error_of("arm=tts"), names("--only", "no arm", "\"tts\"", "baseline, tst"));
  EXPECT_THAT(error_of("seed=5"), names("--only", "no seed", "5"));
  EXPECT_THAT(error_of("seed=0"), names("--only", "no seed", "0"));  // no grid, so no tuning seed
  EXPECT_THAT(error_of("seed=one"), names("number", "\"one\""));
  EXPECT_THAT(error_of("budget=2"), names("--only", "no arm", "2"));
  EXPECT_THAT(error_of("sed=1"), HasSubstr("got \"sed=1\""));
  EXPECT_THAT(error_of("tst"), HasSubstr("got \"tst\""));
}

}  // namespace
}  // namespace superpose::experiment
