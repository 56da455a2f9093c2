#include "report/words.h"

#include <gmock/gmock.h>

#include "report/text.h"
#include "report_fixture.h"

namespace superpose::report {
namespace {

using testing::HasSubstr;
using testing::Not;

using WordsTest = ReportTest;

TEST_F(WordsTest, AheadWithOneSeed) {
  add("baseline", 1, 1.104);
  add("tst", 1, 1.062);
  const std::string text = in_words(analyze(experiment_));
  EXPECT_THAT(
      text,
      testing::StartsWith(
          "Superposition ended ahead at equal compute: loss 1.062 against 1.104 (one seed)\n"));
  EXPECT_THAT(text,
              HasSubstr("0.0420 ahead (1 seed, no interval), which is 4.3 % more probability"));
  EXPECT_THAT(text, HasSubstr("tst was superposed for its first 60 of 200 steps: it read bags of 4 "
                              "tokens as one averaged input "
                              "and predicted all 4 tokens that follow."));
  EXPECT_THAT(text, HasSubstr("This is one seed"));
  EXPECT_THAT(text, HasSubstr("The learning rate was not tuned"));
  EXPECT_THAT(text, HasSubstr("1.90x the raw text"));
  EXPECT_THAT(text, Not(HasSubstr("less compute")));  // no budgets, no speed-up
}

TEST_F(WordsTest, BehindIsSaidAsPlainly) {
  add("baseline", 1, 1.239);
  add("tst", 1, 1.265);
  const std::string text = in_words(analyze(experiment_));
  EXPECT_THAT(text,
              HasSubstr("Superposition ended behind at equal compute: loss 1.265 against 1.239"));
  EXPECT_THAT(text,
              HasSubstr("0.0260 behind (1 seed, no interval), which is 2.6 % less probability"));
  EXPECT_THAT(text, HasSubstr("It never overtook the baseline; at the end it was 0.026 behind."));
}

TEST_F(WordsTest, VerdictComesFromTheInterval) {
  GainOutcome outcome;
  EXPECT_EQ(verdict_of(outcome), Verdict::kNone);
  const auto with = [](std::vector<double> gains) {
    GainOutcome made;
    made.available = true;
    for (const double gain : gains) made.seeds.push_back({.gain = gain});
    made.interval = mean_interval(gains);
    return made;
  };
  EXPECT_EQ(verdict_of(with({0.04})), Verdict::kAhead);
  EXPECT_EQ(verdict_of(with({-0.04})), Verdict::kBehind);
  EXPECT_EQ(verdict_of(with({0.0004})), Verdict::kLevel);
  EXPECT_EQ(verdict_of(with({0.04, -0.01})), Verdict::kUnclear);
  EXPECT_EQ(verdict_of(with({0.04, 0.05, 0.045})), Verdict::kAhead);
  EXPECT_EQ(verdict_of(with({-0.04, -0.05, -0.045})), Verdict::kBehind);
  EXPECT_EQ(verdict_of(with({0.04, 0.05, -0.03})), Verdict::kUnclear);
}

TEST_F(WordsTest, RepeatedDataIsInTheHeadline) {
  test::SyntheticRun run = small_run("tst", 1, 1.0);
  run.total_steps = 20000;  // 1.9 x 82M raw tokens of 88M
  add(run);
  run.arm = "baseline";
  run.bag_size = 1;
  run.final_loss = 1.1;
  add(run);
  EXPECT_THAT(put_in_words(analyze(experiment_)).headline,
              HasSubstr("(one seed; tst read its text 1.8 times)"));
}

TEST_F(WordsTest, OtherFlopsAreInTheHeadline) {
  add("baseline", 1, 1.1);
  test::SyntheticRun run = small_run("tst", 1, 1.0);
  run.flops_per_position *= 1.25;
  add(run);
  EXPECT_THAT(put_in_words(analyze(experiment_)).headline,
              HasSubstr("ahead at equal steps but 1.25x the compute"));
}

TEST_F(WordsTest, SpeedUpWithBounds) {
  for (const std::int64_t seed : {1, 2, 3}) {
    add("baseline", seed, 1.10);
    add_budget("tst", seed, 0.5, seed == 1 ? 1.05 : 1.10);
    add_budget("tst", seed, 1.0, 1.00);
  }
  EXPECT_THAT(in_words(analyze(experiment_)),
              HasSubstr("by a factor of >= 2.00x (3 seeds, 1 of them outside the measured budgets "
                        "and entered as a bound"));
}

TEST_F(WordsTest, NothingFinishedYet) {
  add("baseline", 1, 1.1);
  const Words words = put_in_words(analyze(experiment_));
  EXPECT_EQ(words.headline, "No result yet: no seed has finished in both arms");
  experiment_.arms = {"baseline"};
  EXPECT_THAT(put_in_words(analyze(experiment_)).headline, HasSubstr("only one arm"));
}

TEST_F(WordsTest, RatesThatTheArmsCameWithAreNamed) {
  test::SyntheticRun run = small_run("baseline", 1, 1.1);
  run.learning_rate = 0.007;
  add(run);
  add("tst", 1, 1.0);
  const std::string named = "Each arm ran at the learning rate given for it (0.007 for baseline, ";
  const std::string text = in_words(analyze(experiment_));
  EXPECT_THAT(text, HasSubstr(named + "0.004 for tst); this comparison did not search"));
  EXPECT_THAT(text, Not(HasSubstr("not tuned")));

  // Another trainer's records may not hold the rate.
  experiment_.runs.back().learning_rate = 0;
  EXPECT_THAT(in_words(analyze(experiment_)), HasSubstr(named + "unknown for tst)"));
  experiment_.runs.front().learning_rate = 0;
  EXPECT_THAT(in_words(analyze(experiment_)), Not(HasSubstr("not tuned")));
}

TEST_F(WordsTest, RatesOfAGridAreItsBest) {
  for (const std::string arm : {"baseline", "tst"}) {
    for (const double rate : {0.002, 0.004, 0.008}) {
      test::SyntheticRun run = small_run(arm, 0, rate == 0.004 ? 1.0 : 1.2);
      run.learning_rate = rate;
      add(run, Role::kTuning);
    }
    add(arm, 1, 1.1);
  }
  experiment_.tuning_seed = 0;
  EXPECT_THAT(in_words(analyze(experiment_)),
              HasSubstr("own best learning rate of the same grid: 0.004 for baseline, 0.004 for"));
}

TEST(Text, Numbers) {
  EXPECT_EQ(format_flops(1.148e14), "115 TFLOP");
  EXPECT_EQ(format_flops(9.996e14), "1.00 PFLOP");
  EXPECT_EQ(format_flops(3.5e6), "3.50 MFLOP");
  EXPECT_EQ(format_rate(0.004), "0.004");
  EXPECT_EQ(format_epochs(0), "epochs unknown");
  EXPECT_EQ(count_of(1, "seed"), "1 seed");
}

}  // namespace
}  // namespace superpose::report
