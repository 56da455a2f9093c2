#include "cli/overrides.h"

#include <gtest/gtest.h>

#include "util/error.h"

namespace superpose::cli {
namespace {

using Words = std::vector<std::string>;

TEST(Overrides, TakesRecipeKeysInBothSpellings) {
  Words words{"train",    "--train.steps", "100", "recipe.toml", "--optim.learning_rate=0.01",
              "--dry-run"};
  const auto overrides = take_overrides(words);
  ASSERT_EQ(overrides.size(), 2U);
  EXPECT_EQ(overrides[0].key, "train.steps");
  EXPECT_EQ(overrides[0].value, "100");
  EXPECT_EQ(overrides[1].key, "optim.learning_rate");
  EXPECT_EQ(overrides[1].value, "0.01");
  EXPECT_EQ(words, (Words{"train", "recipe.toml", "--dry-run"}));
}

TEST(Overrides, TakesPhasesAndValuesThatLookLikeOptions) {
  Words words{"--phases", "[{bag_size = 4, share = 0.3}]", "--optim.eps", "-1"};
  const auto overrides = take_overrides(words);
  ASSERT_EQ(overrides.size(), 2U);
  EXPECT_EQ(overrides[0].value, "[{bag_size = 4, share = 0.3}]");
  EXPECT_EQ(overrides[1].value, "-1");
  EXPECT_TRUE(words.empty());
}

TEST(Overrides, LeavesPathsAndEverythingBehindTwoDashes) {
  Words words{"runs/a.b", "--out", "x.y", "--", "--train.steps", "5"};
  EXPECT_TRUE(take_overrides(words).empty());
  EXPECT_EQ(words, (Words{"runs/a.b", "--out", "x.y", "--", "--train.steps", "5"}));
}

TEST(Overrides, RefusesAKeyWithoutValue) {
  Words words{"train", "--train.steps"};
  EXPECT_THROW(take_overrides(words), util::Error);
}

}  // namespace
}  // namespace superpose::cli
