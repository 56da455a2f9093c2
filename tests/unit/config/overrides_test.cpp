#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/config.h"
#include "sample_recipe.h"
#include "support/error_of.h"
#include "support/names.h"

namespace superpose::config {
namespace {

using test::names;

SampleRecipe read_with(const std::vector<Override>& overrides, const std::string& toml = "") {
  SampleRecipe recipe;
  read(recipe, "recipe.toml", toml, overrides);
  return recipe;
}

std::string error_of(const std::vector<Override>& overrides, const std::string& toml = "") {
  return test::error_of([&] { read_with(overrides, toml); });
}

TEST(Overrides, ReadEveryType) {
  const SampleRecipe recipe = read_with({{"train.steps", "12_000"},
                                         {"train.tied", "false"},
                                         {"train.micro_batch", "4"},
                                         {"train.rates", "[1e-3, 2]"},
                                         {"train.seeds", "[]"},
                                         {"train.sources", "['a', \"b\"]"},
                                         {"optim.learning_rate", "3"},
                                         {"optim.scaling.factor", "0.5"}});
  EXPECT_EQ(recipe.train.steps, 12'000);
  EXPECT_FALSE(recipe.train.tied);
  EXPECT_EQ(recipe.train.micro_batch, 4);
  EXPECT_EQ(recipe.train.rates, (std::vector<double>{1e-3, 2.0}));
  EXPECT_TRUE(recipe.train.seeds.empty());
  EXPECT_EQ(recipe.train.sources, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(recipe.optim.learning_rate, 3.0);
  EXPECT_EQ(recipe.optim.scaling.factor, 0.5);
}

TEST(Overrides, BareWordsServeStringsChoicesAndAuto) {
  const SampleRecipe recipe = read_with({{"train.name", "runs/my run"},
                                         {"optim.shape", "falling"},
                                         {"train.micro_batch", "auto"},
                                         {"optim.clip", "auto"}},
                                        "[train]\nmicro_batch = 2\n[optim]\nclip = 1.0\n");
  EXPECT_EQ(recipe.train.name, "runs/my run");
  EXPECT_EQ(recipe.optim.shape, Shape::kFalling);
  EXPECT_EQ(recipe.train.micro_batch, std::nullopt);
  EXPECT_EQ(recipe.optim.clip, std::nullopt);
}

TEST(Overrides, StringThatLooksLikeAnotherTypeStaysAString) {
  for (const char* name :
       {"2024", "true", "1e-3", "[a]", "[1]", "2024-01-01", "a = 1\nb = 2", ""}) {
    EXPECT_EQ(read_with({{"train.name", name}}).train.name, name);
  }
  EXPECT_EQ(read_with({{"train.name", "\"quoted\""}}).train.name, "quoted");
}

TEST(Overrides, ComeAfterTheFileAndInOrder) {
  EXPECT_EQ(read_with({{"train.steps", "5"}, {"train.steps", "60"}}, "train.steps = 4").train.steps,
            60);
}

TEST(Overrides, ReplaceAListOrChangeOneEntry) {
  const std::string toml = "[[phases]]\nsteps = 1\nbag_size = 2\n[[phases]]\nsteps = 2\n";
  EXPECT_EQ(read_with({{"phases", "[{bag_size = 4, share = 0.3}]"}}, toml).phases,
            (std::vector<superposition::PhaseConfig>{{.share = 0.3, .bag_size = 4}}));
  EXPECT_TRUE(read_with({{"phases", "[]"}}, toml).phases.empty());
  EXPECT_EQ(read_with({{"phases[1].bag_size", "3"}, {"phases[0].steps", "7"}}, toml).phases,
            (std::vector<superposition::PhaseConfig>{{.steps = 7, .bag_size = 2},
                                                     {.steps = 2, .bag_size = 3}}));
  EXPECT_EQ(read_with({{"phases[0].bag_size", "2"}}).phases[0].bag_size, 2) << "of the default";
}

TEST(Overrides, ReachIntoNestedLists) {
  const SampleRecipe recipe = read_with(
      {{"compare.arms[0].name", "tst"}, {"compare.arms[0].overrides", "{train.steps = 3}"}},
      "[[compare.arms]]\nname = 'x'\n");
  EXPECT_EQ(recipe.compare.arms[0], (Arm{.name = "tst", .overrides = {{"train.steps", "3"}}}));
}

TEST(Overrides, TakeAWholeSection) {
  const SampleRecipe recipe = read_with({{"optim", "{warmup_steps = 3, scaling = {factor = 2}}"}});
  EXPECT_EQ(recipe.optim.warmup_steps, 3);
  EXPECT_EQ(recipe.optim.scaling.factor, 2.0);
  EXPECT_EQ(recipe.optim.eps, OptimSection{}.eps);
}

TEST(Overrides, ErrorsNameTheOption) {
  const std::vector<std::pair<Override, std::vector<std::string>>> cases = {
      {{"train.steps", "many"}, {"--train.steps:", "integer", "\"many\""}},
      {{"train.steps", "1\nseeds = []"}, {"--train.steps:", "integer", "\"1\\nseeds = []\""}},
      {{"optim.learning_rate", ".5"}, {"--optim.learning_rate:", "number", "\".5\""}},
      {{"train.sources", "x"}, {"--train.sources:", "list", "strings", "'[\"x\"]'", "\"x\""}},
      {{"optim.learning_rate", "-1"}, {"--optim.learning_rate:", "> 0", "-1"}},
      {{"optim.lr", "1"}, {"--optim.lr:", "unknown key", "optim.learning_rate"}},
      {{"optim", "{lr = 1}"}, {"--optim:", "optim.lr", "unknown key", "optim.learning_rate"}},
      {{"phases", "[{bag_size = 2}]"},
       {"--phases:", "phases[0].share", "share or steps", "neither"}},
      {{"phases", "[{bags = 2}]"},
       {"--phases:", "phases[0].bags", "unknown key", "phases[0].bag_size"}},
      {{"phases[0].bag_size", "0"}, {"--phases[0].bag_size:", ">= 1", "0"}},
      {{"phases[1].bag_size", "2"}, {"--phases[1].bag_size:", "phases[1]", "no such entry", "1"}},
      {{"phases[x].bag_size", "2"}, {"--phases[x].bag_size:", "phases[x]", "no such entry", "1"}},
      {{"train.name", "\xff"}, {"--train.name:", "UTF-8", "1"}},
      {{"", "1"}, {"--:", "table", "1"}},
      {{"train.", "1"}, {"--train.:", "unknown key", "train.tied"}},
      {{"optim.eps", "0", "compare.arms[1].overrides"},
       {"compare.arms[1].overrides:", "optim.eps", "> 0", "0"}},
  };
  for (const auto& [override, parts] : cases) {
    EXPECT_THAT(error_of({override}), names(parts)) << override.key;
  }
}

TEST(Overrides, RefusedValueOfTheFileIsBlamedOnWhoGaveItLast) {
  EXPECT_THAT(error_of({{"optim.eps", "1"}}, "[optim]\nlearning_rate = 0"),
              names("recipe.toml:2", "optim.learning_rate", "> 0", "0"));
  EXPECT_THAT(error_of({{"optim.learning_rate", "-2"}}, "[optim]\nlearning_rate = 0"),
              names("--optim.learning_rate", "> 0", "-2"));
  EXPECT_EQ(error_of({{"optim.learning_rate", "2"}}, "[optim]\nlearning_rate = 0"), "");
  EXPECT_THAT(error_of({{"phases", "[{bag_size = 2}]"}}, "[[phases]]\nshare = 0.3\nsteps = 1"),
              names("--phases:", "phases[0].share"))
      << "the list of the command line has no share, whatever the file's had";
}

}  // namespace
}  // namespace superpose::config
