#include "experiment/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipes.h"

namespace superpose::experiment {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Manifest, SaysWhatTheReportNeeds) {
  const Recipe recipe = test::small_recipe("[compare]\nbudgets = [0.4, 1.0]\n");
  const std::vector<Arm> arms = make_arms(recipe);
  CompareOptions options;
  options.recipe_name = "demo.toml";
  options.recipe_text = "text";
  options.commands = {"superpose compare demo.toml"};
  const report::Experiment manifest =
      make_manifest(recipe, arms, plan_runs(arms, recipe.compare, {}), options);
  EXPECT_EQ(manifest.title, "demo");
  EXPECT_EQ(manifest.baseline, "baseline");
  EXPECT_THAT(manifest.arms, ElementsAre("baseline", "tst"));
  EXPECT_FALSE(manifest.tuning_seed.has_value());
  EXPECT_EQ(manifest.recipe_fingerprint, fingerprint(recipe));
  ASSERT_THAT(manifest.runs, SizeIs(4));
  EXPECT_EQ(manifest.runs[3].arm, "tst");
  EXPECT_EQ(manifest.runs[3].role, report::Role::kBranch);
  EXPECT_EQ(manifest.runs[3].budget, 0.4);
  EXPECT_EQ(manifest.runs[3].parent, "tst-seed-1");
  EXPECT_EQ(manifest.runs[3].parent_step, 12);
  EXPECT_EQ(manifest.runs[3].learning_rate, 0.004);
}

TEST(Manifest, RunsWhoseRateIsOpenAreLeftOut) {
  const Recipe recipe = test::small_recipe("[compare]\nlearning_rates = [0.1, 0.2]\n");
  const std::vector<Arm> arms = make_arms(recipe);
  const report::Experiment manifest =
      make_manifest(recipe, arms, plan_runs(arms, recipe.compare, {}), {});
  EXPECT_EQ(manifest.tuning_seed, 0);
  ASSERT_THAT(manifest.runs, SizeIs(4));
  EXPECT_EQ(manifest.runs[0].role, report::Role::kTuning);
  EXPECT_THAT(make_manifest(recipe, arms, plan_runs(arms, recipe.compare, {0.1, 0.2}), {}).runs,
              SizeIs(6));
}

// Budget 1 began as a trunk of its own; then 2.5 was added, which would be its trunk now.
TEST(Manifest, RunsThatHaveBegunStayWhatTheyAre) {
  const Recipe before = test::small_recipe("[compare]\nbudgets = [0.4, 1.0]\n");
  const std::vector<Arm> old_arms = make_arms(before);
  std::vector<report::RunEntry> begun =
      make_manifest(before, old_arms, plan_runs(old_arms, before.compare, {}), {}).runs;
  for (report::RunEntry& entry : begun) {  // as report::read_experiment gives them
    entry.folder = "/top/" + entry.folder;
    if (!entry.parent.empty()) entry.parent = "/top/" + entry.parent;
  }
  begun.pop_back();  // tst at 0.4 has not begun

  const Recipe now = test::small_recipe("[compare]\nbudgets = [0.4, 1.0, 2.5]\n");
  const std::vector<Arm> arms = make_arms(now);
  std::vector<PlannedRun> runs = plan_runs(arms, now.compare, {});
  EXPECT_EQ(runs[1].parent, "baseline-seed-1-budget-2.5");
  keep_begun(runs, begun);

  EXPECT_THAT(runs[0].pinned_steps, IsEmpty());  // 2.5: nothing branches from it
  EXPECT_EQ(runs[1].folder, "baseline-seed-1");
  EXPECT_EQ(runs[1].role, report::Role::kFinal);
  EXPECT_EQ(runs[1].parent, "");
  EXPECT_EQ(runs[1].first_step, 0);
  EXPECT_THAT(runs[1].pinned_steps, ElementsAre(32));
  EXPECT_EQ(runs[2].parent, "baseline-seed-1");
  EXPECT_EQ(runs[2].first_step, 32);
  // Not begun: branches as the plan says.
  EXPECT_EQ(runs[5].folder, "tst-seed-1-budget-0.4");
  EXPECT_EQ(runs[5].parent, "tst-seed-1-budget-2.5");
  EXPECT_THAT(runs[3].pinned_steps, ElementsAre(12));
}

}  // namespace
}  // namespace superpose::experiment
