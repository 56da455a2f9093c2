#include "experiment/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipes.h"

namespace superpose::experiment {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

report::Experiment manifest_of(const Recipe& recipe, const BestRates& rates = {},
                               const CompareOptions& options = {},
                               const std::vector<report::RunEntry>& earlier = {}) {
  const std::vector<Arm> arms = make_arms(recipe);
  return make_manifest({recipe, arms, plan_runs(arms, recipe.compare, rates), options,
                        begin_identity(recipe), find_noise(arms, recipe.compare, rates), earlier});
}

TEST(Manifest, SaysWhatTheReportNeeds) {
  const Recipe recipe = test::small_recipe("[compare]\nbudgets = [0.4, 1.0]\n");
  CompareOptions options;
  options.recipe_name = "demo.toml";
  options.recipe_text = "text";
  options.commands = {"superpose compare demo.toml"};
  const report::Experiment manifest = manifest_of(recipe, {}, options);
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
  ASSERT_THAT(manifest.pairs, SizeIs(2));
  EXPECT_EQ(manifest.pairs[0].arm, "tst");
  EXPECT_THAT(manifest.noise, IsEmpty());
  EXPECT_THAT(manifest.grid.keys, IsEmpty());
  EXPECT_THAT(manifest.arm_definitions, SizeIs(2));
  EXPECT_THAT(manifest.fingerprint_arms, IsEmpty());
}

TEST(Manifest, SaysWhichArmsAGridMade) {
  const report::Experiment manifest = manifest_of(test::small_recipe(
      "[compare.grid]\n\"phases.share\" = [0.2, 0.3]\noptim.decay_shape = [\"linear\"]\n"));
  EXPECT_THAT(manifest.grid.keys, ElementsAre("optim.decay_shape", "phases.share"));
  ASSERT_THAT(manifest.grid.arms, SizeIs(2));
  EXPECT_EQ(manifest.grid.arms[1].arm, "tst-decay_shape-linear-share-0.3");
  EXPECT_THAT(manifest.grid.arms[1].values, ElementsAre("\"linear\"", "0.3"));
}

// A budget that was taken out of the recipe, from which another one branched.
TEST(Manifest, ParentsStayAsTrunks) {
  std::vector<report::RunEntry> earlier =
      manifest_of(test::small_recipe("[compare]\nbudgets = [0.4, 1.0, 2.5]\n")).runs;
  for (report::RunEntry& entry : earlier) {  // as report::read_experiment gives them
    entry.folder = "/top/" + entry.folder;
    if (!entry.parent.empty()) entry.parent = "/top/" + entry.parent;
  }
  const Recipe recipe = test::small_recipe("[compare]\nbudgets = [0.4, 1.0]\n");
  const std::vector<Arm> arms = make_arms(recipe);
  std::vector<PlannedRun> runs = plan_runs(arms, recipe.compare, {});
  keep_begun(runs, earlier);
  const report::Experiment manifest =
      make_manifest({recipe, arms, runs, {}, begin_identity(recipe), {}, earlier});
  ASSERT_THAT(manifest.runs, SizeIs(6));
  EXPECT_EQ(manifest.runs[1].parent, "baseline-seed-1-budget-2.5");
  EXPECT_EQ(manifest.runs[4].folder, "baseline-seed-1-budget-2.5");
  EXPECT_EQ(manifest.runs[4].role, report::Role::kTrunk);
  EXPECT_EQ(manifest.runs[5].folder, "tst-seed-1-budget-2.5");
}

TEST(Manifest, RunsWhoseRateIsOpenAreLeftOut) {
  const Recipe recipe = test::small_recipe("[compare]\nlearning_rates = [0.1, 0.2]\n");
  const report::Experiment manifest = manifest_of(recipe);
  EXPECT_EQ(manifest.tuning_seed, 0);
  ASSERT_THAT(manifest.runs, SizeIs(4));
  EXPECT_EQ(manifest.runs[0].role, report::Role::kTuning);
  EXPECT_THAT(manifest.pairs, IsEmpty());
  EXPECT_THAT(manifest_of(recipe, {0.1, 0.2}).runs, SizeIs(6));
}

// Budget 1 began as a trunk of its own; then 2.5 was added, which would be its trunk now.
TEST(Manifest, RunsThatHaveBegunStayWhatTheyAre) {
  const Recipe before = test::small_recipe("[compare]\nbudgets = [0.4, 1.0]\n");
  std::vector<report::RunEntry> begun = manifest_of(before).runs;
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
  EXPECT_THAT(runs[1].pinned_steps, ElementsAre(33));
  EXPECT_EQ(runs[2].parent, "baseline-seed-1");
  EXPECT_EQ(runs[2].first_step, 33);
  // Not begun: branches as the plan says.
  EXPECT_EQ(runs[5].folder, "tst-seed-1-budget-0.4");
  EXPECT_EQ(runs[5].parent, "tst-seed-1-budget-2.5");
  EXPECT_THAT(runs[3].pinned_steps, ElementsAre(12));
}

}  // namespace
}  // namespace superpose::experiment
