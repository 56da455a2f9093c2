#include "experiment/identity.h"

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

const std::string kArms =
    "[[compare.arms]]\nname = \"baseline\"\noverrides = { phases = [] }\n"
    "[[compare.arms]]\nname = \"tst\"\n";
const std::string kEps = "[[compare.arms]]\nname = \"eps\"\noverrides = { optim.eps = 1e-9 }\n";

// The manifest of a comparison of this recipe.
report::Experiment began(const Recipe& recipe) {
  report::Experiment manifest;
  const Identity identity = begin_identity(recipe);
  manifest.arms = identity.arms;
  manifest.recipe_fingerprint = identity.fingerprint;
  manifest.arm_definitions = define_arms(recipe);
  return manifest;
}

// The manifest that continues it, as the driver writes it.
report::Experiment goes_on(const Recipe& recipe, const report::Experiment& before) {
  const Identity identity = continue_identity(recipe, before, "top");
  report::Experiment manifest = began(recipe);
  manifest.recipe_fingerprint = identity.fingerprint;
  if (identity.arms != manifest.arms) manifest.fingerprint_arms = identity.arms;
  return manifest;
}

std::string refusal(const Recipe& recipe, const report::Experiment& before) {
  return test::error_of([&] { continue_identity(recipe, before, "top"); });
}

TEST(ComparisonIdentity, ArmsMayBeAdded) {
  const report::Experiment two = began(small_recipe(kArms));
  EXPECT_EQ(refusal(small_recipe(kArms), two), "");
  const report::Experiment three = goes_on(small_recipe(kArms + kEps), two);
  EXPECT_EQ(three.recipe_fingerprint, two.recipe_fingerprint);
  EXPECT_THAT(three.fingerprint_arms, ElementsAre("baseline", "tst"));
  // Again and in front, and by a manifest of an earlier version.
  const std::string first = "[[compare.arms]]\nname = \"first\"\n";
  const report::Experiment four = goes_on(small_recipe(first + kArms + kEps), three);
  EXPECT_EQ(four.recipe_fingerprint, two.recipe_fingerprint);
  report::Experiment earlier = two;
  earlier.arm_definitions.clear();
  EXPECT_EQ(refusal(small_recipe(kEps + kArms), earlier), "");
}

TEST(ComparisonIdentity, DefaultArmsAreTheSameByName) {
  const report::Experiment by_default = began(small_recipe());
  EXPECT_EQ(refusal(small_recipe(), by_default), "");
  EXPECT_EQ(refusal(small_recipe(kArms), by_default), "");
  EXPECT_EQ(goes_on(small_recipe(kArms + kEps), by_default).recipe_fingerprint,
            by_default.recipe_fingerprint);
  EXPECT_EQ(refusal(small_recipe(), began(small_recipe(kArms))), "");
}

TEST(ComparisonIdentity, ValuesMayBeAddedToAGrid) {
  const report::Experiment before = began(small_recipe("[compare.grid]\noptim.eps = [1e-9]\n"));
  EXPECT_EQ(refusal(small_recipe("[compare.grid]\noptim.eps = [1e-7, 1e-9]\n"), before), "");
}

TEST(ComparisonIdentity, WhatIsAnotherComparisonIsRefused) {
  const report::Experiment two = began(small_recipe(kArms));
  const report::Experiment three = goes_on(small_recipe(kArms + kEps), two);
  EXPECT_THAT(refusal(small_recipe(kArms), three), names("run.dir", "arm eps", "missing"));
  // An arm that the fingerprint does not cover.
  Recipe other = small_recipe(kArms + kEps);
  other.compare.arms[2].overrides["optim.eps"] = "1e-08";
  EXPECT_THAT(refusal(other, three), names("arm eps", "other overrides"));
  other = small_recipe(kArms);
  other.compare.arms[1].overrides["optim.eps"] = "1e-08";
  EXPECT_THAT(refusal(other, two), names("arm tst", "other overrides"));
  report::Experiment earlier = two;
  earlier.arm_definitions.clear();
  EXPECT_THAT(refusal(other, earlier), HasSubstr("fingerprint"));
  other = small_recipe(kArms + kEps);
  other.base.train.steps = 50;
  EXPECT_THAT(refusal(other, two), HasSubstr(two.recipe_fingerprint));
}

}  // namespace
}  // namespace superpose::experiment
