#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "experiment/run_list.h"

namespace superpose::experiment {
namespace {

class ShippedRecipes : public ::testing::TestWithParam<std::string> {};

// Keys, types, values, arms and budgets; whether the corpus is there is for the machine to say.
TEST_P(ShippedRecipes, CanBePlanned) {
  const Recipe recipe =
      read_recipe(std::string(SUPERPOSE_SOURCE_DIR) + "/recipes/" + GetParam(), {});
  const std::vector<Arm> arms = make_arms(recipe);
  EXPECT_THAT(plan_runs(arms, recipe.compare, {}), ::testing::SizeIs(::testing::Ge(2u)));
  EXPECT_EQ(recipe.base.run.dir, "runs/" + std::filesystem::path(GetParam()).stem().string());
}

std::vector<std::string> recipe_files(const std::string& folder = "/recipes") {
  std::vector<std::string> names;
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(SUPERPOSE_SOURCE_DIR) + folder)) {
    if (file.path().extension() == ".toml") names.push_back(file.path().filename());
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, ShippedRecipes, ::testing::ValuesIn(recipe_files()));

TEST(PaperRecipes, CanBeReadAndBuilt) {
  const std::vector<std::string> names = recipe_files("/recipes/paper");
  EXPECT_EQ(names.size(), 18U);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const auto recipe =
        read_recipe(std::string(SUPERPOSE_SOURCE_DIR) + "/recipes/paper/" + name, {});
    const model::ModelConfig shape = model::resolve(recipe.base.model, 0);
    EXPECT_LE(recipe.base.train.sequence_length, shape.max_positions);
  }
}

TEST(BenchRecipes, CanBeRead) {
  for (const std::string& name : recipe_files("/bench/recipes")) {
    EXPECT_NO_THROW(read_recipe(std::string(SUPERPOSE_SOURCE_DIR) + "/bench/recipes/" + name, {}))
        << name;
  }
}

TEST(RecipeFolder, HoldsTheDemos) {
  EXPECT_THAT(recipe_files(),
              ::testing::IsSupersetOf({"demo.toml", "demo-full.toml", "tiny.toml"}));
}

}  // namespace
}  // namespace superpose::experiment
