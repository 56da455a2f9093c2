#include "experiment/run_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipes.h"
#include "support/error_of.h"
#include "support/names.h"
#include "util/error.h"

namespace superpose::experiment {
namespace {

using test::names;
using test::small_recipe;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<PlannedRun> plan(const Recipe& recipe, const BestRates& best = {}) {
  return plan_runs(make_arms(recipe), recipe.compare, best);
}

std::string plan_error(const Recipe& recipe) {
  return test::error_of([&] { plan(recipe); });
}

std::vector<std::string> folders(const std::vector<PlannedRun>& runs) {
  std::vector<std::string> names;
  for (const PlannedRun& run : runs) names.push_back(run.folder);
  return names;
}

const PlannedRun& find(const std::vector<PlannedRun>& runs, const std::string& folder) {
  for (const PlannedRun& run : runs) {
    if (run.folder == folder) return run;
  }
  throw util::Error("no run " + folder);
}

TEST(RunList, DefaultIsOneRunAnArmAndSeed) {
  const Recipe recipe = small_recipe("[compare]\nseeds = [1, 2]\n");
  const std::vector<PlannedRun> runs = plan(recipe);
  EXPECT_THAT(folders(runs),
              ElementsAre("baseline-seed-1", "tst-seed-1", "baseline-seed-2", "tst-seed-2"));
  for (const PlannedRun& run : runs) {
    EXPECT_EQ(run.role, report::Role::kFinal);
    EXPECT_EQ(run.first_step, 0);
    EXPECT_EQ(run.total_steps, 100);
    EXPECT_EQ(run.learning_rate, 0.004);
    EXPECT_THAT(run.pinned_steps, IsEmpty());
    EXPECT_EQ(run.parent, "");
  }
}

TEST(RunList, WorkCountsPositionsAndRawTokensApart) {
  const Recipe recipe = small_recipe();
  const std::vector<Arm> arms = make_arms(recipe);
  const std::vector<PlannedRun> runs = plan(recipe);
  const Workload baseline = workload(runs[0], arms[0].config);
  const Workload superposed = workload(runs[1], arms[1].config);
  EXPECT_EQ(baseline.positions, 3200);
  EXPECT_EQ(superposed.positions, 3200);
  EXPECT_EQ(baseline.raw_tokens, 3200);
  EXPECT_EQ(superposed.raw_tokens, 32 * (30 * 6 + 70));
}

TEST(RunList, GridRunsOnTheTuningSeedAtBudgetOne) {
  const Recipe recipe =
      small_recipe("[compare]\nlearning_rates = [0.008, 0.002]\ntuning_seed = 7\nseeds = [1]\n");
  const std::vector<PlannedRun> open = plan(recipe);
  EXPECT_THAT(folders(open), ElementsAre("baseline-seed-7-rate-0.002", "baseline-seed-7-rate-0.008",
                                         "tst-seed-7-rate-0.002", "tst-seed-7-rate-0.008",
                                         "baseline-seed-1-rate-best", "tst-seed-1-rate-best"));
  EXPECT_EQ(open[0].role, report::Role::kTuning);
  EXPECT_EQ(open[0].learning_rate, 0.002);
  EXPECT_EQ(open[0].seed, 7);
  EXPECT_EQ(open[4].role, report::Role::kFinal);
  EXPECT_FALSE(open[4].learning_rate.has_value());

  const std::vector<PlannedRun> half = plan(recipe, {std::nullopt, 0.002});
  EXPECT_FALSE(half[4].learning_rate.has_value());
  EXPECT_EQ(half[5].folder, "tst-seed-1-rate-0.002");
  EXPECT_EQ(half[5].learning_rate, 0.002);
}

// N = 100, d = 0.2, r = 0.3. Baseline: budget 0.4 has 40 steps, decays from 32, whose step still
// has the full rate; budget 1 from 80; 2.5 (250 steps) is the trunk. Superposed: budget 0.4
// switches at 12, budget 1 at 30 and is the trunk.
TEST(RunList, BudgetsBranchAtTheSwitchOrTheDecay) {
  const Recipe recipe = small_recipe(R"(
[[compare.arms]]
name = "baseline"
overrides = { phases = [] }
budgets = [0.4, 1.0, 2.5]
[[compare.arms]]
name = "tst"
budgets = [0.4, 1.0]
)");
  const std::vector<PlannedRun> runs = plan(recipe);
  EXPECT_THAT(folders(runs),
              ElementsAre("baseline-seed-1-budget-2.5", "baseline-seed-1",
                          "baseline-seed-1-budget-0.4", "tst-seed-1", "tst-seed-1-budget-0.4"));
  const PlannedRun& trunk = runs[0];
  EXPECT_EQ(trunk.role, report::Role::kFinal);
  EXPECT_EQ(trunk.total_steps, 250);
  EXPECT_EQ(trunk.first_step, 0);
  EXPECT_THAT(trunk.pinned_steps, ElementsAre(33, 81));

  EXPECT_EQ(runs[1].role, report::Role::kBranch);
  EXPECT_EQ(runs[1].parent, "baseline-seed-1-budget-2.5");
  EXPECT_EQ(runs[1].first_step, 81);
  EXPECT_EQ(runs[1].total_steps, 100);
  EXPECT_EQ(runs[2].first_step, 33);
  EXPECT_EQ(runs[2].total_steps, 40);

  EXPECT_THAT(runs[3].pinned_steps, ElementsAre(12));
  EXPECT_EQ(runs[4].parent, "tst-seed-1");
  EXPECT_EQ(runs[4].first_step, 12);
  EXPECT_EQ(runs[4].total_steps, 40);
  ASSERT_THAT(runs[4].phases, SizeIs(2));
  EXPECT_EQ(runs[4].phases[0].end_step(), 12);
  // The branch reads no bag itself.
  EXPECT_EQ(workload(runs[4], make_arms(recipe)[1].config).raw_tokens, 32 * 28);
}

TEST(RunList, BudgetThatIsNoWholeNumberOfStepsIsRoundedDown) {
  EXPECT_EQ(steps_of_budget(100, 0.07), 7);  // 7.000000000000001 below, 7 in truth
  EXPECT_EQ(steps_of_budget(10, 0.7), 7);
  EXPECT_EQ(steps_of_budget(7, 0.5), 3);
  const std::vector<PlannedRun> runs = plan(small_recipe("[compare]\nbudgets = [0.555, 1.0]\n"));
  // 55 steps: decay from floor(0.8 * 55) = 44, switch at floor(0.3 * 55) = 16.
  EXPECT_EQ(find(runs, "baseline-seed-1-budget-0.555").first_step, 45);
  EXPECT_EQ(find(runs, "tst-seed-1-budget-0.555").first_step, 16);
}

TEST(RunList, SeveralPhasesBranchAtTheEndOfTheFirst) {
  Recipe recipe = small_recipe("[compare]\nbudgets = [0.5, 1.0]\n");
  recipe.base.phases = {{.share = 0.3, .bag_size = 8}, {.share = 0.2, .bag_size = 2}};
  const std::vector<PlannedRun> runs = plan(recipe);
  const PlannedRun& branch = find(runs, "tst-seed-1-budget-0.5");
  EXPECT_EQ(branch.first_step, 15);
  ASSERT_THAT(branch.phases, SizeIs(3));
  EXPECT_EQ(branch.phases[1].end_step(), 25);
}

TEST(RunList, OneBudgetNeedsNoTrunkAndNoSchedule) {
  Recipe recipe = small_recipe();
  recipe.base.optim.schedule = optim::Schedule::kCosine;
  EXPECT_THAT(plan(recipe), SizeIs(2));
}

TEST(RunList, BudgetsShareWhatAnyScheduleLeavesEqual) {
  const std::string budgets = "[compare]\nbudgets = [0.4, 1.0]\n";
  Recipe cosine = small_recipe(budgets);
  cosine.base.optim.schedule = optim::Schedule::kCosine;
  EXPECT_EQ(find(plan(cosine), "tst-seed-1-budget-0.4").first_step, 10);  // the warm-up

  Recipe late = small_recipe(budgets);
  late.base.phases[0].share = 0.9;  // the switch at 36 falls into the decay from 32
  EXPECT_EQ(find(plan(late), "tst-seed-1-budget-0.4").first_step, 33);

  Recipe warm = small_recipe(budgets);
  warm.base.optim.warmup_steps = 13;  // the superposed branch leaves at 12
  EXPECT_EQ(find(plan(warm), "tst-seed-1-budget-0.4").first_step, 12);
}

TEST(RunList, BudgetsThatCannotBeRunAreRefused) {
  EXPECT_THAT(plan_error(small_recipe("[compare]\nbudgets = [0.001, 1.0]\n")), names("one step"));
  Recipe long_phase = small_recipe("[compare]\nbudgets = [0.4, 1.0]\n");
  long_phase.base.phases = {{.steps = 50, .bag_size = 2}};
  EXPECT_THAT(plan_error(long_phase), AllOf(HasSubstr("tst"), HasSubstr("budget 0.4")));
}

TEST(RunList, RunConfigSetsWhatTheRunDecides) {
  const Recipe recipe = small_recipe("[compare]\nbudgets = [0.4, 1.0]\nseeds = [9]\n");
  const std::vector<Arm> arms = make_arms(recipe);
  const std::vector<PlannedRun> runs = plan(recipe);
  const PlannedRun& branch = find(runs, "tst-seed-9-budget-0.4");
  const train::RunConfig config = run_config(branch, arms[1], "top");
  EXPECT_EQ(config.run.dir, "top/tst-seed-9-budget-0.4");
  EXPECT_EQ(config.train.seed, 9);
  EXPECT_EQ(config.train.steps, 40);
  EXPECT_EQ(config.optim.learning_rate, 0.004);
  EXPECT_EQ(config.phases, recipe.base.phases);

  PlannedRun open = branch;
  open.learning_rate.reset();
  EXPECT_THROW(run_config(open, arms[1], "top"), util::Error);
}

}  // namespace
}  // namespace superpose::experiment
