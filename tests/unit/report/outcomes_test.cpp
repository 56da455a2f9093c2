#include "report/outcomes.h"

#include <gmock/gmock.h>

#include <cmath>

#include "report_fixture.h"
#include "support/names.h"

namespace superpose::report {
namespace {

using test::names;
using testing::ElementsAre;

using Outcomes = ReportTest;

TEST_F(Outcomes, GainIsThePairedDifferenceOfSeeds) {
  add("baseline", 1, 1.10);
  add("tst", 1, 1.06);
  add("tst", 2, 1.05);  // in another order
  add("baseline", 2, 1.12);
  add("baseline", 3, 1.11);
  add("tst", 3, 1.09);
  const Analysis analysis = analyze(experiment_);
  const GainOutcome& gain = analysis.comparisons.at(0).equal_flops;
  ASSERT_EQ(gain.seeds.size(), 3U);
  EXPECT_NEAR(gain.seeds[0].gain, 0.04, 1e-12);
  EXPECT_NEAR(gain.seeds[1].gain, 0.07, 1e-12);
  EXPECT_NEAR(gain.seeds[2].gain, 0.02, 1e-12);
  EXPECT_NEAR(gain.interval.mean, 0.13 / 3, 1e-12);
  // Standard deviation of 4, 7, 2 (hundredths) is sqrt(38/6) = 2.516611.
  EXPECT_NEAR(*gain.interval.high - gain.interval.mean, 4.302653 * 0.02516611 / std::sqrt(3.0),
              1e-7);
  EXPECT_EQ(gain.seeds[0].match, Match::kEqual);
  // 1 + 0.3 (4 - 1)
  EXPECT_NEAR(gain.seeds[0].arm_tokens / gain.seeds[0].baseline_tokens, 1.9, 1e-12);
}

TEST_F(Outcomes, UnpairedSeedTakesNoPartAndIsNamed) {
  add("baseline", 1, 1.1);
  add("tst", 1, 1.0);
  add("tst", 2, 1.0);
  const Analysis analysis = analyze(experiment_);
  EXPECT_EQ(analysis.comparisons.at(0).equal_flops.seeds.size(), 1U);
  EXPECT_THAT(analysis.notes, ElementsAre(names("Seed 2", "baseline")));
}

TEST_F(Outcomes, UnfinishedRunIsLeftOutAndNamed) {
  add("baseline", 1, 1.1);
  test::SyntheticRun half = small_run("tst", 1, 1.0);
  half.finished = false;
  add(half);
  experiment_.runs.push_back({"tst", 2, 0.004, 1, Role::kFinal, "/nowhere/tst-2", "", 0});
  const Analysis analysis = analyze(experiment_);
  EXPECT_FALSE(analysis.comparisons.at(0).equal_flops.available);
  EXPECT_THAT(analysis.notes, testing::IsSupersetOf({names("Not finished", "tst, seed 1"),
                                                     names("Not run", "tst, seed 2")}));
}

TEST_F(Outcomes, ArmOfOtherFlopsIsReadOffItsBudgetsAtTheBaselinesFlops) {
  add("baseline", 1, 1.1);
  for (const double budget : {0.5, 1.0}) {
    test::SyntheticRun run = small_run("tst", 1, budget == 1.0 ? 1.0 : 1.2);
    run.budget = budget;
    run.total_steps = static_cast<std::int64_t>(200 * budget);
    run.flops_per_position *= std::sqrt(2.0);  // baseline's FLOPs: half way in logarithm
    add(run);
  }
  const Comparison comparison = analyze(experiment_).comparisons.at(0);
  EXPECT_NEAR(comparison.flops_ratio, std::sqrt(2.0), 1e-12);
  EXPECT_EQ(comparison.equal_flops.seeds.at(0).match, Match::kInterpolated);
  EXPECT_NEAR(comparison.equal_flops.seeds.at(0).arm_loss, 1.1, 1e-9);
}

TEST_F(Outcomes, ArmOfOtherFlopsWithoutBudgetsIsMarked) {
  add("baseline", 1, 1.1);
  test::SyntheticRun run = small_run("tst", 1, 1.0);
  run.flops_per_position *= 1.25;
  add(run);
  EXPECT_EQ(analyze(experiment_).comparisons.at(0).equal_flops.seeds.at(0).match,
            Match::kUnmatched);
}

TEST_F(Outcomes, NoSpeedUpWithoutBudgets) {
  add("baseline", 1, 1.1);
  add("tst", 1, 1.0);
  const Analysis analysis = analyze(experiment_);
  EXPECT_FALSE(analysis.has_budgets);
  EXPECT_FALSE(analysis.comparisons.at(0).speed_up.available);
  EXPECT_FALSE(analysis.comparisons.at(0).speed_up_time.available);
  EXPECT_FALSE(analysis.comparisons.at(0).speed_up_secondary.available);
  EXPECT_FALSE(analysis.comparisons.at(0).equal_raw_tokens.available);
}

TEST_F(Outcomes, SpeedUpIsReadBetweenTheArmsBudgets) {
  for (const std::int64_t seed : {1, 2, 3}) {
    add("baseline", seed, 1.10);
    add_budget("tst", seed, 0.4, 1.20);
    add_budget("tst", seed, 0.9, 1.00);
    add_budget("tst", seed, 1.0, 0.98);
  }
  const Comparison comparison = analyze(experiment_).comparisons.at(0);
  // The loss is met half way between budgets 0.4 and 0.9: at budget 0.6.
  ASSERT_EQ(comparison.speed_up.seeds.size(), 3U);
  EXPECT_NEAR(comparison.speed_up.seeds[0].factor, 1 / 0.6, 1e-9);
  EXPECT_NEAR(comparison.speed_up.interval.mean, 1 / 0.6, 1e-9);
  EXPECT_TRUE(comparison.speed_up.interval.low.has_value());
  EXPECT_EQ(comparison.speed_up.bound, Bound::kExact);
  // A superposed step takes 4 % longer in these records: 1.012 in all, the same share at every
  // budget.
  EXPECT_NEAR(comparison.speed_up_time.seeds[0].factor, 1 / 0.6 / 1.012, 1e-9);
  EXPECT_FALSE(comparison.speed_up_secondary.available);  // the baseline has one budget
}

TEST_F(Outcomes, SecondarySpeedUpIsReadBetweenTheBaselinesBudgets) {
  add_budget("baseline", 1, 1.0, 1.10);
  add_budget("baseline", 1, 2.25, 1.00);
  add("tst", 1, 1.05);
  const Comparison comparison = analyze(experiment_).comparisons.at(0);
  // Half way in logarithm.
  EXPECT_NEAR(comparison.speed_up_secondary.seeds.at(0).factor, 1.5, 1e-9);
  EXPECT_FALSE(comparison.speed_up.available);
  EXPECT_FALSE(comparison.speed_up_secondary.interval.low.has_value());  // one seed
}

TEST_F(Outcomes, SeedThatNeverReachesTheTargetBoundsTheResultFromAbove) {
  for (const std::int64_t seed : {1, 2, 3}) {
    add("baseline", seed, 1.10);
    add_budget("tst", seed, 0.5, 1.20);
    add_budget("tst", seed, 1.0, seed == 3 ? 1.15 : 1.10);
  }
  const SpeedUpOutcome speed = analyze(experiment_).comparisons.at(0).speed_up;
  ASSERT_EQ(speed.seeds.size(), 3U);  // never dropped
  EXPECT_EQ(speed.seeds[2].bound, Bound::kAtMost);
  EXPECT_NEAR(speed.seeds[2].factor, 1, 1e-12);
  EXPECT_EQ(speed.bound, Bound::kAtMost);
  EXPECT_FALSE(speed.interval.low.has_value());
  EXPECT_TRUE(speed.determined);
}

TEST_F(Outcomes, SeedBelowTheTargetAtItsCheapestBoundsTheResultFromBelow) {
  for (const std::int64_t seed : {1, 2, 3}) {
    add("baseline", seed, 1.10);
    add_budget("tst", seed, 0.5, seed == 1 ? 1.05 : 1.10);
    add_budget("tst", seed, 1.0, 1.00);
  }
  const SpeedUpOutcome speed = analyze(experiment_).comparisons.at(0).speed_up;
  EXPECT_EQ(speed.seeds.at(0).bound, Bound::kAtLeast);
  EXPECT_EQ(speed.bound, Bound::kAtLeast);
  EXPECT_NEAR(speed.interval.mean, 2, 1e-12);
}

TEST_F(Outcomes, SecondaryBoundsPointTheOtherWay) {
  add_budget("baseline", 1, 1.0, 1.10);
  add_budget("baseline", 1, 2.0, 1.05);
  add("tst", 1, 1.00);  // lower than the baseline ever gets
  add_budget("baseline", 2, 1.0, 1.10);
  add_budget("baseline", 2, 2.0, 1.05);
  add("tst", 2, 1.20);  // higher than the baseline's cheapest
  const SpeedUpOutcome speed = analyze(experiment_).comparisons.at(0).speed_up_secondary;
  EXPECT_EQ(speed.seeds.at(0).bound, Bound::kAtLeast);
  EXPECT_NEAR(speed.seeds.at(0).factor, 2, 1e-12);
  EXPECT_EQ(speed.seeds.at(1).bound, Bound::kAtMost);
  EXPECT_NEAR(speed.seeds.at(1).factor, 1, 1e-12);
  EXPECT_FALSE(speed.determined);
}

TEST_F(Outcomes, EqualRawTokensAreReadOffTheBaselinesBudgets) {
  add_budget("baseline", 1, 1.0, 1.10);
  add_budget("baseline", 1, 3.61, 1.00);  // 1.9 squared: the arm's 1.9 lies half way
  add("tst", 1, 1.06);
  const GainOutcome gain = analyze(experiment_).comparisons.at(0).equal_raw_tokens;
  ASSERT_TRUE(gain.available);
  EXPECT_NEAR(gain.seeds.at(0).baseline_loss, 1.05, 1e-9);
  EXPECT_NEAR(gain.seeds.at(0).gain, -0.01, 1e-9);
  EXPECT_NEAR(gain.seeds.at(0).baseline_flops / gain.seeds.at(0).arm_flops, 1.9, 1e-9);
}

TEST_F(Outcomes, CrossingIsTheFirstPointAheadAfterTheSwitch) {
  test::SyntheticRun base;
  base.final_loss = 1.104;
  test::SyntheticRun arm = base;
  arm.arm = "tst";
  arm.bag_size = 4;
  arm.final_loss = 1.062;
  add(base);
  add(arm);
  const Comparison comparison = analyze(experiment_).comparisons.at(0);
  const Crossing& crossing = comparison.crossings.at(0);
  EXPECT_EQ(crossing.switch_step, 2400);
  // The hump, 0.75 exp(-x/320) + 0.06 exp(-x/1100), falls to the gap of 0.042 at x = 1,169: first
  // check at 1,200.
  EXPECT_EQ(crossing.first_ahead, 3600);
  EXPECT_TRUE(crossing.stays);
  EXPECT_NEAR(comparison.gaps.at(0).second.back().gap, 0.042, 1e-12);
}

TEST_F(Outcomes, ArmThatNeverGetsAheadHasNoCrossing) {
  add("baseline", 1, 1.1);
  add("tst", 1, 1.2);
  const Crossing crossing = analyze(experiment_).comparisons.at(0).crossings.at(0);
  EXPECT_FALSE(crossing.first_ahead.has_value());
  EXPECT_FALSE(crossing.stays);
}

TEST_F(Outcomes, RatesAreChosenOnHalfAAndResultsQuotedOnHalfBOfOtherSeeds) {
  experiment_.tuning_seed = 1;
  for (const double rate : {0.001, 0.002, 0.004}) {
    test::SyntheticRun run = small_run("baseline", 1, rate == 0.002 ? 1.0 : 1.1);
    run.learning_rate = rate;
    add(run, Role::kTuning);
    run = small_run("tst", 1, 1.0 + rate);
    run.learning_rate = rate;
    add(run, Role::kTuning);
  }
  for (const std::int64_t seed : {1, 2}) {
    test::SyntheticRun run = small_run("baseline", seed, 1.1);
    run.learning_rate = 0.002;
    run.half_a_offset = -0.25;
    add(run);
    run = small_run("tst", seed, 1.0);
    run.learning_rate = 0.001;
    run.half_a_offset = -0.125;
    add(run);
  }
  const Analysis analysis = analyze(experiment_);
  ASSERT_EQ(analysis.rate_grids.size(), 2U);
  EXPECT_EQ(analysis.rate_grids[0].best, 0.002);
  EXPECT_FALSE(analysis.rate_grids[0].at_edge);
  EXPECT_EQ(analysis.rate_grids[1].best, 0.001);
  EXPECT_TRUE(analysis.rate_grids[1].at_edge);
  EXPECT_THAT(analysis.warnings, ElementsAre(names("learning rate", "tst", "0.001", "edge")));
  const GainOutcome& gain = analysis.comparisons.at(0).equal_flops;
  ASSERT_EQ(gain.seeds.size(), 1U);  // not the tuning seed
  EXPECT_NEAR(gain.seeds[0].baseline_loss, 1.35, 1e-12);
  EXPECT_NEAR(gain.seeds[0].arm_loss, 1.125, 1e-12);
}

TEST_F(Outcomes, RateThatDidNotFinishIsNotTheEdge) {
  experiment_.tuning_seed = 1;
  for (const double rate : {0.001, 0.002, 0.004}) {
    test::SyntheticRun run = small_run("baseline", 1, 1.2 - 100 * rate);
    run.learning_rate = rate;
    run.finished = rate < 0.004;  // diverged
    add(run, Role::kTuning);
  }
  const RateGrid grid = analyze(experiment_).rate_grids.at(0);
  EXPECT_EQ(grid.best, 0.002);
  EXPECT_FALSE(grid.at_edge);
  EXPECT_FALSE(grid.points.at(2).loss.has_value());
}

}  // namespace
}  // namespace superpose::report
