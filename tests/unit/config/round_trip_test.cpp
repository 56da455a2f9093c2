#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

#include "config/config.h"
#include "sample_recipe.h"
#include "util/random.h"

namespace superpose::config {
namespace {

SampleRecipe read_back(const std::string& toml, SampleRecipe start = {}) {
  read(start, "recipe.toml", toml);
  return start;
}

TEST(RoundTrip, DefaultsAndUnusualValues) {
  EXPECT_EQ(read_back(to_toml(SampleRecipe{}), unusual_recipe()), SampleRecipe{});
  EXPECT_EQ(read_back(to_toml(unusual_recipe())), unusual_recipe());
}

TEST(RoundTrip, ResolvedTextIsAFixedPoint) {
  const std::string once = to_toml(unusual_recipe());
  EXPECT_EQ(to_toml(read_back(once)), once);
}

TEST(RoundTrip, AByteOrderMarkIsPassedOver) {
  EXPECT_EQ(read_back("\xef\xbb\xbf" + to_toml(unusual_recipe())), unusual_recipe());
}

TEST(RoundTrip, EmptyListReplacesADefaultThatIsNot) {
  SampleRecipe recipe;
  recipe.phases.clear();
  EXPECT_EQ(read_back(to_toml(recipe)), recipe);
}

TEST(RoundTrip, EveryDoubleKeepsItsBits) {
  ScalingSection section;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    section.factor = std::bit_cast<double>(util::random_bits(3, i));
    if (!std::isfinite(section.factor)) continue;
    ScalingSection back;
    read(back, "recipe.toml", to_toml(section));
    ASSERT_EQ(std::bit_cast<std::uint64_t>(back.factor),
              std::bit_cast<std::uint64_t>(section.factor));
  }
  section.factor = std::nan("");
  ScalingSection back;
  read(back, "recipe.toml", to_toml(section));
  EXPECT_TRUE(std::isnan(back.factor));
}

TEST(RoundTrip, EveryByteOfAStringThatIsValidText) {
  Arm arm;
  for (int byte = 1; byte < 128; ++byte) arm.name += static_cast<char>(byte);
  Arm back;
  read(back, "recipe.toml", to_toml(arm));
  EXPECT_EQ(back, arm);
}

TEST(Read, LeavesWhatIsNotNamed) {
  SampleRecipe expected = unusual_recipe();
  expected.optim.warmup_steps = 9;
  EXPECT_EQ(read_back("optim.warmup_steps = 9\n", unusual_recipe()), expected);
}

TEST(Read, TakesAnIntegerForADouble) {
  EXPECT_EQ(read_back("[optim]\nlearning_rate = 2\n").optim.learning_rate, 2.0);
  EXPECT_EQ(read_back("[train]\nrates = [1, 2.5]\n").train.rates, (std::vector<double>{1.0, 2.5}));
  EXPECT_EQ(read_back("[optim]\nclip = 3\n").optim.clip, 3.0);
}

TEST(Read, AutoEmptiesAnOptional) {
  const SampleRecipe recipe =
      read_back("[train]\nmicro_batch = \"auto\"\n[optim]\nclip = \"auto\"\n", unusual_recipe());
  EXPECT_EQ(recipe.train.micro_batch, std::nullopt);
  EXPECT_EQ(recipe.optim.clip, std::nullopt);
}

TEST(Read, ListOfTablesStartsFromDefaultElements) {
  const SampleRecipe recipe =
      read_back("[[phases]]\nsteps = 4\n[[phases]]\nsteps = 1\nbag_size = 3\n", unusual_recipe());
  ASSERT_EQ(recipe.phases.size(), 2u);
  EXPECT_EQ(recipe.phases[0], (superposition::PhaseConfig{.steps = 4}));
  EXPECT_EQ(recipe.phases[1], (superposition::PhaseConfig{.steps = 1, .bag_size = 3}));
}

TEST(Read, OverridesOfAnArmAreDottedKeysHoweverTheyAreWritten) {
  const std::map<std::string, std::string> expected = {
      {"optim.eps", "1e-07"}, {"optim.shape", "\"rising\""}, {"phases", "[]"}};
  EXPECT_EQ(read_back("[[compare.arms]]\n"
                      "overrides = {\"optim.eps\" = 1e-7, optim.shape = 'rising', phases = []}\n")
                .compare.arms[0]
                .overrides,
            expected);
  EXPECT_EQ(read_back("[[compare.arms]]\n[compare.arms.overrides]\nphases = []\n"
                      "[compare.arms.overrides.optim]\neps = 1e-7\nshape = \"rising\"\n")
                .compare.arms[0]
                .overrides,
            expected);
}

}  // namespace
}  // namespace superpose::config
