#include "experiment/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "recipes.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"

namespace superpose::experiment {
namespace {

using test::error_of;
using test::names;
using test::small_recipe;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string arms_error(const std::string& more) {
  return error_of([&] { make_arms(small_recipe(more)); });
}

TEST(Recipe, DefaultArmsAreTheRecipeAndItWithoutBags) {
  const std::vector<Arm> arms = make_arms(small_recipe());
  ASSERT_THAT(arms, SizeIs(2));
  EXPECT_EQ(arms[0].name, "baseline");
  EXPECT_THAT(arms[0].config.phases, IsEmpty());
  EXPECT_EQ(arms[1].name, "tst");
  ASSERT_THAT(arms[1].config.phases, SizeIs(1));
  EXPECT_EQ(arms[1].config.phases[0].bag_size, 6);
  EXPECT_THAT(arms[0].budgets, ElementsAre(1.0));
  // All but the phases is equal.
  train::RunConfig with_bags = arms[0].config;
  with_bags.phases = arms[1].config.phases;
  EXPECT_EQ(config::settings(with_bags), config::settings(arms[1].config));
}

TEST(Recipe, DefaultArmsNeedBags) {
  Recipe recipe = small_recipe();
  recipe.base.phases.clear();
  EXPECT_THAT(error_of([&] { make_arms(recipe); }), names("phases", "nothing"));
}

TEST(Recipe, ArmOverridesAnyKey) {
  const std::vector<Arm> arms = make_arms(small_recipe(R"(
[[compare.arms]]
name = "baseline"
overrides = { phases = [] }
[[compare.arms]]
name = "wide"
budgets = [1.0, 0.5]
overrides = { optim.learning_rate = 0.002, "train.steps" = 50, phases = [{ steps = 5, bag_size = 2 }] }
)"));
  ASSERT_THAT(arms, SizeIs(2));
  EXPECT_THAT(arms[0].config.phases, IsEmpty());
  EXPECT_EQ(arms[1].config.optim.learning_rate, 0.002);
  EXPECT_EQ(arms[1].config.train.steps, 50);
  ASSERT_THAT(arms[1].config.phases, SizeIs(1));
  EXPECT_EQ(arms[1].config.phases[0].steps, 5);
  EXPECT_THAT(arms[1].budgets, ElementsAre(0.5, 1.0));
}

TEST(Recipe, BadOverrideNamesArmAndKey) {
  const auto with = [](const std::string& override) {
    return "[[compare.arms]]\nname = \"baseline\"\n[[compare.arms]]\nname = \"wild\"\noverrides = "
           "{ " +
           override + " }\n";
  };
  EXPECT_THAT(arms_error(with("optim.learning_rte = 1")),
              names("wild", "optim.learning_rte", "optim.learning_rate"));
  EXPECT_THAT(arms_error(with("train.steps = \"many\"")),
              AllOf(HasSubstr("wild"), HasSubstr("train.steps")));
  EXPECT_THAT(arms_error(with("optim.learning_rate = -1")),
              AllOf(HasSubstr("wild"), HasSubstr("optim.learning_rate")));
  EXPECT_THAT(arms_error(with("run.dir = \"x\"")), AllOf(HasSubstr("wild"), HasSubstr("run.dir")));
  EXPECT_THAT(arms_error(with("data.validation_share = 0.02")),
              AllOf(HasSubstr("wild"), HasSubstr("data.validation_share")));
  for (const char* override :
       {"data.tokenizer = \"a.json\"", "data.end_of_document = \"a\"", "data.format = \"npy\"",
        "data.special_tokens = \"recognise\"", "data.text_field = \"a\"",
        "data.on_bad_record = \"skip\"", "data.on_invalid_utf8 = \"skip\"",
        "data.min_document_bytes = 5", "data.max_document_bytes = 5", "data.deduplicate = true",
        "data.site_packages = \"a\"", "evaluation.windows = 8", "evaluation.final_windows = 8",
        "evaluation.document_cap = 0.1", "train.sequence_length = 16"}) {
    EXPECT_THAT(arms_error(with(override)), names("validation sets")) << override;
  }
  EXPECT_THAT(arms_error(with("\"validation[0].name\" = \"x\"")), names("validation sets"));
  EXPECT_EQ(arms_error(with("data.document_aware = true, data.lanes = 8, evaluation.every = 5")),
            "");
  EXPECT_THAT(arms_error(with("train.seed = 3")),
              AllOf(HasSubstr("wild"), HasSubstr("compare.seeds")));
  EXPECT_THAT(
      arms_error(with("optim.learning_rate = 0.1") + "[compare]\nlearning_rates = [0.1, 0.2]\n"),
      AllOf(HasSubstr("wild"), HasSubstr("compare.learning_rates")));
}

TEST(Recipe, ImpossibleComparisonsAreRefused) {
  EXPECT_THAT(arms_error("[compare]\nseeds = []\n"), HasSubstr("compare.seeds"));
  EXPECT_THAT(arms_error("[compare]\nseeds = [1, 2, 1]\n"), HasSubstr("compare.seeds"));
  EXPECT_THAT(arms_error("[compare]\nlearning_rates = [0.1]\ntuning_seed = 1\n"),
              HasSubstr("compare.tuning_seed"));
  EXPECT_THAT(arms_error("[compare]\nlearning_rates = [0.1, 0.0]\n"),
              HasSubstr("compare.learning_rates"));
  EXPECT_THAT(arms_error("[compare]\nlearning_rates = [0.1, 0.1]\n"), HasSubstr("twice"));
  EXPECT_THAT(arms_error("[compare]\nbudgets = [1.0, 0.0]\n"),
              names("compare.budgets", "> 0", "0"));
  EXPECT_THAT(arms_error("[compare]\nbudgets = [1.0, 1]\n"), HasSubstr("compare.budgets"));
  EXPECT_THAT(arms_error("[compare]\nbudgets = [0.4, 2.0]\n"), names("budget 1"));
  EXPECT_THAT(arms_error("[compare]\nbaseline = \"a b\"\n"), HasSubstr("compare.baseline"));
  EXPECT_THAT(arms_error("[[compare.arms]]\nname = \"tst\"\n"), HasSubstr("compare.baseline"));
  EXPECT_THAT(
      arms_error("[[compare.arms]]\nname = \"baseline\"\n[[compare.arms]]\nname = \"baseline\"\n"),
      AllOf(HasSubstr("compare.arms[1].name"), HasSubstr("twice")));
  EXPECT_THAT(arms_error("[[compare.arms]]\nname = \"a/b\"\n"), HasSubstr("compare.arms[0].name"));
  EXPECT_THAT(arms_error("[[compare.arms]]\nname = \"baseline\"\n[[compare.arms]]\nname = \"x\"\n"
                         "budgets = [0.5]\n"),
              AllOf(HasSubstr("compare.arms.budgets"), HasSubstr("arm x")));
  EXPECT_THAT(arms_error("[[compare.arms]]\nname = \"" + std::string(101, 'x') + "\"\n"),
              AllOf(HasSubstr("compare.arms[0].name"), HasSubstr("101")));
  EXPECT_THAT(arms_error("[[compare.arms]]\nname = \"baseline\"\nbudgets = [1.0, -2.0]\n"),
              HasSubstr("compare.arms[0].budgets"));
}

TEST(Recipe, FileIsReadWithOverrides) {
  const test::TempDir folder;
  const std::string file = folder / "r.toml";
  std::ofstream(file) << "[train]\nsteps = 7\n[compare]\nseeds = [4]\n";
  const Recipe recipe = read_recipe(file, {{.key = "train.steps", .value = "9"}});
  EXPECT_EQ(recipe.base.train.steps, 9);
  EXPECT_THAT(recipe.compare.seeds, ElementsAre(4));
  EXPECT_THAT(error_of([&] { read_recipe(file, {{.key = "compare.sneeds", .value = "[1]"}}); }),
              HasSubstr("compare.seeds"));
  EXPECT_THAT(error_of([] { read_recipe("/no/such/file.toml", {}); }),
              HasSubstr("/no/such/file.toml"));
}

TEST(Recipe, ResolvedRecipeReadsBackEqual) {
  const Recipe recipe = small_recipe(
      "[compare]\nlearning_rates = [0.1]\n[[compare.arms]]\nname = \"baseline\"\noverrides = { "
      "phases = [], "
      "\"optim.eps\" = 1e-9 }\nbudgets = [1.0, 2.5]\n");
  Recipe again;
  config::read(again, "again", config::to_toml(recipe));
  EXPECT_EQ(config::settings(again), config::settings(recipe));
  EXPECT_EQ(again.compare.arms, recipe.compare.arms);
}

TEST(Recipe, FingerprintIsThatOfTheExperimentAlone) {
  const std::string arms = "[[compare.arms]]\nname = \"baseline\"\noverrides = { phases = [] }\n";
  const std::string base = fingerprint(small_recipe(arms));
  const auto changed = [&](const std::function<void(Recipe&)>& change) {
    Recipe recipe = small_recipe(arms);
    change(recipe);
    return fingerprint(recipe) != base;
  };
  // May differ between the parts of one comparison, or grow.
  EXPECT_FALSE(changed([](Recipe& r) { r.base.train.threads = 3; }));
  EXPECT_FALSE(changed([](Recipe& r) { r.base.train.seed = 3; }));
  EXPECT_FALSE(changed([](Recipe& r) { r.base.run.dir = "elsewhere"; }));
  EXPECT_FALSE(changed([](Recipe& r) { r.compare.seeds = {1, 2, 3}; }));
  EXPECT_FALSE(changed([](Recipe& r) { r.compare.learning_rates = {0.1}; }));
  EXPECT_FALSE(changed([](Recipe& r) { r.compare.budgets = {1, 2}; }));
  EXPECT_FALSE(changed([](Recipe& r) { r.compare.arms[0].budgets = {1, 2}; }));
  // Make it another one.
  EXPECT_TRUE(changed([](Recipe& r) { r.base.train.steps = 3; }));
  EXPECT_TRUE(changed([](Recipe& r) { r.base.phases[0].bag_size = 3; }));
  EXPECT_TRUE(changed([](Recipe& r) { r.compare.arms[0].name = "other"; }));
  EXPECT_TRUE(changed([](Recipe& r) { r.compare.arms[0].overrides["optim.eps"] = "1e-9"; }));
  EXPECT_TRUE(changed([](Recipe& r) { r.compare.arms.emplace_back().name = "third"; }));
}

}  // namespace
}  // namespace superpose::experiment
