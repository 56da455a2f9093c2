#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/config.h"
#include "sample_recipe.h"

namespace superpose::config {
namespace {

using ::testing::HasSubstr;

TEST(ToToml, IsWhatARecipeLooksLike) {
  SampleRecipe recipe;
  recipe.compare.arms = {{.name = "base", .overrides = {{"phases", "[]"}}}};
  EXPECT_EQ(to_toml(recipe), R"([train]
steps = 1000
threads = 0
tied = true
name = "first"
micro_batch = "auto"
rates = []
seeds = [1, 2]
sources = []

[optim]
learning_rate = 0.003
eps = 1e-08
shape = "flat"
warmup_steps = 100
clip = "auto"

[optim.scaling]
factor = 8.0

[[phases]]
share = 0.3
steps = "auto"
bag_size = 6
target_size = "auto"
objective = "multi_hot"
slot_weighting = "uniform"
slot_weights = []
weights = {}
sequence_length = "auto"
batch_positions = "auto"
bag_order = "contiguous"
handover = "all"

[compare]

[[compare.arms]]
name = "base"
overrides = {phases = []}
)");
}

TEST(Describe, IsItselfARecipe) {
  for (const SampleRecipe& recipe : {SampleRecipe{}, unusual_recipe()}) {
    SampleRecipe back = recipe == SampleRecipe{} ? unusual_recipe() : SampleRecipe{};
    read(back, "recipe.toml", describe(recipe));
    EXPECT_EQ(back, recipe);
  }
}

TEST(Describe, SaysMeaningKindAndChoices) {
  const std::string text = describe(SampleRecipe{});
  EXPECT_THAT(text, HasSubstr("learning_rate = 0.003  # peak learning rate\n"));
  EXPECT_THAT(text, HasSubstr("# (operational) CPU threads; 0 = all cores\n"));
  EXPECT_THAT(text, HasSubstr("# how the rate changes; one of flat, rising, falling\n"));
  EXPECT_THAT(text, HasSubstr("\n# the optimizer\n[optim]\n"));
  EXPECT_THAT(text, HasSubstr("\n# phases in order\n[[phases]]\n"));
}

TEST(Describe, ShowsWhatAnEntryOfAnEmptyListLooksLike) {
  const std::string text = describe(SampleRecipe{});
  EXPECT_THAT(text, HasSubstr("\narms = []  # what is compared\n"));
  EXPECT_THAT(text, HasSubstr("\n# [[compare.arms]]\n# name = \"\""));
}

TEST(Describe, NamesEveryKeyOnce) {
  const std::string text = describe(SampleRecipe{});
  for (const util::Setting& setting : settings(SampleRecipe{})) {
    const std::string name = setting.key.substr(setting.key.rfind('.') + 1);
    EXPECT_THAT(text, HasSubstr(name));
  }
}

TEST(Settings, AreFlatWithTheirKind) {
  const std::vector<util::Setting> expected = {
      {"train.steps", "1000", false},
      {"train.threads", "0", true},
      {"train.tied", "true", false},
      {"train.name", "\"first\"", false},
      {"train.micro_batch", "\"auto\"", true},
      {"train.rates", "[]", false},
      {"train.seeds", "[1, 2]", false},
      {"train.sources", "[]", false},
      {"optim.learning_rate", "0.003", false},
      {"optim.eps", "1e-08", false},
      {"optim.shape", "\"flat\"", false},
      {"optim.scaling.factor", "8.0", false},
      {"optim.warmup_steps", "100", false},
      {"optim.clip", "\"auto\"", false},
      {"phases",
       "[{share = 0.3, steps = \"auto\", bag_size = 6, target_size = \"auto\", slot_weighting = "
       "\"uniform\", slot_weights = [], weights = {}}]",
       false},
      {"compare.arms", "[]", false},
  };
  EXPECT_EQ(settings(SampleRecipe{}), expected);
}

// A setting's text, given back as an override, makes the same setting: a run can be repeated from
// them.
TEST(Settings, AreOverrides) {
  std::vector<Override> overrides;
  for (const util::Setting& setting : settings(unusual_recipe())) {
    overrides.push_back({setting.key, setting.value});
  }
  SampleRecipe recipe;
  read(recipe, "recipe.toml", "", overrides);
  EXPECT_EQ(recipe, unusual_recipe());
}

}  // namespace
}  // namespace superpose::config
