#include "experiment/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "recipes.h"
#include "support/names.h"

namespace superpose::experiment {
namespace {

using test::names;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

class Listings : public ::testing::Test {
 protected:
  Recipe recipe_ = test::small_recipe("[checkpoint]\nkeep = 2\n[compare]\nbudgets = [0.4, 1.0]\n");
  std::vector<Arm> arms_ = make_arms(recipe_);
  std::vector<ArmCosts> costs_ = {{1e6, 1000, 100000}, {1e6, 1000, 100000}};
  // baseline: trunk 0-100, branch 33-40; tst: trunk 0-100, branch 12-40.
  std::vector<PlannedRun> runs_ = plan_runs(arms_, recipe_.compare, {});
  ProgressMap progress_;
  TimeEstimate estimate_;
  std::int64_t free_disk_ = 1 << 30;

  Listing listing() const { return {arms_, costs_, runs_, progress_, estimate_, free_disk_}; }
  std::string printed() const {
    std::ostringstream out;
    print_listing(out, listing());
    return out.str();
  }
};

TEST_F(Listings, NamesEveryTrunkAndBranchWithItsCost) {
  const std::string text = printed();
  EXPECT_THAT(text, HasSubstr("4 runs:"));
  EXPECT_THAT(text, ContainsRegex("\n  baseline-seed-1 +trunk +0 - 100 +3.20 GFLOP"));
  EXPECT_THAT(text, ContainsRegex(
                        "\n    baseline-seed-1-budget-0.4 +branch at 33 +33 - 40 +224 MFLOP +224"));
  EXPECT_THAT(text, ContainsRegex("tst-seed-1 +trunk +0 - 100 +3.20 GFLOP +8.00K"));
  EXPECT_THAT(text, ContainsRegex("tst-seed-1-budget-0.4 +branch at 12 +12 - 40 +896 MFLOP +896"));
  // 100 + 7 + 100 + 28 steps of 32 positions; 3200 + 224 + 8000 + 896 raw tokens.
  EXPECT_THAT(text, HasSubstr("total: 7.52 GFLOP, 12.3K raw tokens"));
  // 45 of 280 steps.
  EXPECT_THAT(text, HasSubstr("save 1.44 GFLOP, 16.1 %"));
  EXPECT_THAT(text, Not(HasSubstr("warning")));
  EXPECT_THAT(text, Not(HasSubstr("note")));
}

TEST_F(Listings, NothingIsSavedByRunsOfTheirOwn) {
  recipe_ = test::small_recipe();
  arms_ = make_arms(recipe_);
  runs_ = plan_runs(arms_, recipe_.compare, {});
  EXPECT_THAT(printed(), Not(HasSubstr("save")));
}

TEST_F(Listings, ShorterLengthsAreThoseWithANoiseFigure) {
  for (const std::int64_t steps : {50, 100, 25, 50}) {
    recipe_.compare.noise.emplace_back().steps = steps;
  }
  const auto shorter = [this] {
    std::ostringstream out;
    print_shorter_runs(out, listing(), recipe_.compare);
    return out.str();
  };
  EXPECT_EQ(shorter(), "") << "no speed is known";
  estimate_.set_speed(0, {.flops_per_second = 7.52e9 / 120});
  EXPECT_THAT(shorter(), ContainsRegex("^shorter: --train.steps 50 takes about 1 m 00 s.*\n"
                                       "shorter: --train.steps 25 takes about 30.0 s.*\n$"));
  progress_["tst-seed-1"].begun = true;
  EXPECT_EQ(shorter(), "");
}

TEST_F(Listings, DiskCountsPinnedCheckpoints) {
  EXPECT_EQ(run_disk(runs_[0], arms_[0], costs_[0]).kept, 2 * 1000);
  EXPECT_EQ(run_disk(runs_[1], arms_[0], costs_[0]).kept, 1000);
  arms_[1].config.checkpoint.keep = 0;
  arms_[1].config.checkpoint.every = 25;
  // After 12 (pinned), 25, 30 (the switch), 50, 75 and 100 steps.
  EXPECT_EQ(run_disk(runs_[2], arms_[1], costs_[1]).kept, 6 * 1000);
}

TEST_F(Listings, DiskToComeIsWhatIsNotYetThere) {
  // Of the trunks 2 (baseline) and 3 (tst, which has a switch), of the branches 1 each.
  EXPECT_EQ(disk_bytes_to_come(listing()), (2 + 1 + 3 + 1) * 1000);
  free_disk_ = 7000;
  EXPECT_THAT(printed(), Not(HasSubstr("warning")));
  free_disk_ = 6999;
  EXPECT_THAT(printed(), names("warning", "disk"));
  progress_["baseline-seed-1"].finished = true;
  progress_["tst-seed-1"].begun = true;
  progress_["tst-seed-1"].checkpoints = {12, 30};
  EXPECT_EQ(disk_bytes_to_come(listing()), (1 + 1 + 1) * 1000);
  EXPECT_THAT(printed(), Not(HasSubstr("warning")));
}

TEST_F(Listings, WhatIsDoneIsNotLeft) {
  progress_["baseline-seed-1"].finished = true;
  progress_["tst-seed-1-budget-0.4"].begun = true;
  progress_["tst-seed-1-budget-0.4"].step = 26;
  EXPECT_EQ(flops_left(runs_[0], arms_[0], costs_[0], progress_), 0);
  EXPECT_DOUBLE_EQ(flops_left(runs_[3], arms_[1], costs_[1], progress_), 14 * 32 * 1e6);
  EXPECT_DOUBLE_EQ(flops_left(runs_[2], arms_[1], costs_[1], progress_), 3.2e9);
  EXPECT_THAT(printed(), AllOf(HasSubstr("done"), HasSubstr("at step 26"), HasSubstr("to do")));
}

TEST_F(Listings, OtherFlopsAndRepeatedDataAreMarked) {
  costs_[1].flops_per_position = 2e6;
  costs_[1].raw_tokens_at_hand = 4000;
  EXPECT_THAT(printed(), names("arm tst", "2 times the FLOPs", "corpus 2 times"));
}

TEST_F(Listings, TimesComeFromTheArmThenAnotherThenTheProduct) {
  EXPECT_FALSE(seconds_left(listing()).has_value());
  estimate_.set_speed(1, {.flops_per_second = 6e6});
  EXPECT_THAT(estimate_.seconds(0, 3e7), Optional(5.0)) << "another arm's";
  EXPECT_EQ(estimate_.source(), train::describe(train::Speed::Source::kProducts));
  estimate_.set_speed(0, {.flops_per_second = 3e6, .source = train::Speed::Source::kSteps});
  EXPECT_THAT(estimate_.seconds(0, 3e7), Optional(10.0));
  estimate_.add_measured(1, 1e9, 0.5);  // too short to tell
  EXPECT_FALSE(estimate_.has_measured());
  estimate_.add_measured(1, 1e9, 100);
  EXPECT_THAT(estimate_.seconds(0, 1e9), Optional(100.0));
  estimate_.add_measured(0, 1e9, 40);
  estimate_.add_measured(0, 1e9, 60);
  EXPECT_THAT(estimate_.seconds(0, 1e9), Optional(50.0));
  EXPECT_THAT(estimate_.seconds(1, 1e9), Optional(100.0));
  EXPECT_THAT(estimate_.source(), names("runs"));
  EXPECT_THAT(seconds_left(listing()), Optional(::testing::DoubleNear(
                                           107 * 32e6 * 50 / 1e9 + 128 * 32e6 * 100 / 1e9, 1e-9)));
}

}  // namespace
}  // namespace superpose::experiment
