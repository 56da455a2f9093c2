#include "report/words/words.h"

#include <gmock/gmock.h>

#include "report/words/schedule_words.h"
#include "report/words/text.h"
#include "report/words/verdict.h"
#include "report_fixture.h"
#include "support/names.h"
#include "util/text.h"

namespace superpose::report {
namespace {

using test::names;
using testing::HasSubstr;
using testing::Not;

using WordsTest = ReportTest;

TEST_F(WordsTest, OneSeedCannotTellLuckFromGain) {
  add("baseline", 1, 1.104);
  add("tst", 1, 1.062);
  const std::string text = in_words(analyze(experiment_));
  EXPECT_THAT(text.substr(0, text.find('\n')),
              names("One seed", "chance", "tst", "0.0420 ahead", "baseline", "equal compute",
                    "1.0620", "1.1040"));
  EXPECT_THAT(text, names("0.0420 ahead", "1 seed", "no interval"));
  EXPECT_THAT(text, HasSubstr("4.3 % more probability"));
  EXPECT_THAT(text, names("may be chance"));
  EXPECT_THAT(text, names("65,536 tokens", "63 documents"));
  EXPECT_THAT(text, names("0.004", "not tuned"));
  EXPECT_THAT(text, names("1.90x", "raw text"));
  EXPECT_THAT(text, Not(HasSubstr("less compute")));  // no budgets, no speed-up
}

TEST_F(WordsTest, BehindIsSaidAsPlainly) {
  add("baseline", 1, 1.239);
  add("tst", 1, 1.265);
  const std::string text = in_words(analyze(experiment_));
  EXPECT_THAT(text, names("tst", "0.0260 behind", "baseline", "equal compute"));
  EXPECT_THAT(text, names("0.0260 behind", "1 seed", "no interval"));
  EXPECT_THAT(text, HasSubstr("2.6 % less probability"));
  EXPECT_THAT(text, HasSubstr("never ahead"));
  EXPECT_THAT(text, names("last validation", "0.0260 behind"));
}

TEST_F(WordsTest, HeadlineIsOfTheBestArm) {
  experiment_.arms = {"baseline", "tst", "s8", "s2"};
  for (const std::int64_t seed : {1, 2, 3}) {
    const double luck = 0.001 * static_cast<double>(seed);
    add("baseline", seed, 1.10);
    add("tst", seed, 1.12 + luck);
    add("s8", seed, 1.05 + luck);
    add("s2", seed, 1.08 + luck);
  }
  EXPECT_THAT(put_in_words(analyze(experiment_)).headline,
              names("s8", "0.0480 ahead", "baseline", "equal compute", "1.0520", "1.1000",
                    "3 seeds", "3 arms"));
}

TEST_F(WordsTest, ArmAtOtherComputeIsNotCalledTheBest) {
  experiment_.arms = {"baseline", "large", "tst"};
  add("baseline", 1, 1.1);
  test::SyntheticRun large = small_run("large", 1, 0.9);
  large.flops_per_position *= 2;
  add(large);
  add("tst", 1, 1.0);
  EXPECT_THAT(put_in_words(analyze(experiment_)).headline, HasSubstr("tst ended 0.1000 ahead"));
}

// A difference and its interval are told in the same words, so no sign can be read the wrong way.
TEST_F(WordsTest, IntervalsPointTheWayOfTheirMean) {
  EXPECT_EQ(support({3, 0.042, 0.031, 0.053}), "95 % interval 0.0310 to 0.0530 ahead, 3 seeds");
  EXPECT_EQ(support({3, -0.2395, -0.2992, -0.1798}),
            "95 % interval 0.1798 to 0.2992 behind, 3 seeds");
  EXPECT_EQ(support({3, 0.01, -0.002, 0.022}),
            "95 % interval 0.0020 behind to 0.0220 ahead, 3 seeds");
  EXPECT_EQ(support({3, 0.01, 0.00001, 0.022}), "95 % interval level to 0.0220 ahead, 3 seeds");
  EXPECT_EQ(support({3, -0.01, -0.02, 0}), "95 % interval 0.0200 behind to level, 3 seeds");
  EXPECT_EQ(support({3, 0, 0, -0.00001}), "95 % interval level, 3 seeds");
  EXPECT_EQ(format_gain(-0.00004), "level");
  EXPECT_EQ(format_gain(-0.00005001), "0.0001 behind");
}

TEST_F(WordsTest, HowMuchTextIsSaidOrSaidToBeUnknown) {
  EXPECT_EQ(format_measured(Measured{{4096, 63}, {4096, 63}}), "4,096 tokens of 63 documents");
  EXPECT_EQ(format_measured(Measured{{4096, 1}, {8192, 1}}), "4,096 to 8,192 tokens of 1 document");
  add("baseline", 1, 1.1);
  test::SyntheticRun run = small_run("tst", 1, 1.0);
  run.says_scored = false;
  add(run);
  EXPECT_THAT(in_words(analyze(experiment_)), names("text", "not recorded"));
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
  EXPECT_EQ(verdict_of(with({0.04})), Verdict::kTooFew);
  EXPECT_EQ(verdict_of(with({-0.04})), Verdict::kTooFew);
  EXPECT_EQ(verdict_of(with({0.04, 0.05})), Verdict::kTooFew);
  // By the interval as it is printed: 0.00002 to 0.0060 reads as one that begins at level.
  GainOutcome close = with({0.003, 0.003, 0.003});
  close.interval.low = 0.00002;
  EXPECT_EQ(verdict_of(close), Verdict::kUnclear);
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
  EXPECT_THAT(put_in_words(analyze(experiment_)).headline, names("tst", "1.8 times"));
}

TEST_F(WordsTest, OtherFlopsAreInTheHeadline) {
  add("baseline", 1, 1.1);
  test::SyntheticRun run = small_run("tst", 1, 1.0);
  run.flops_per_position *= 1.25;
  add(run);
  EXPECT_THAT(put_in_words(analyze(experiment_)).headline,
              names("0.1000 ahead", "baseline", "1.25x", "compute"));
}

TEST_F(WordsTest, SpeedUpWithBounds) {
  for (const std::int64_t seed : {1, 2, 3}) {
    add("baseline", seed, 1.10);
    add_budget("tst", seed, 0.5, seed == 1 ? 1.05 : 1.10);
    add_budget("tst", seed, 1.0, 1.00);
  }
  EXPECT_THAT(in_words(analyze(experiment_)),
              names(">= 2.00x", "less compute", "3 seeds", "1 of them", "bound"));
}

TEST_F(WordsTest, SpeedUpIsReadOffTheBaselinesBudgetsWhereTheArmHasOne) {
  add_budget("baseline", 1, 1.0, 1.10);
  add_budget("baseline", 1, 2.25, 1.00);
  add("tst", 1, 1.05);
  const std::vector<std::string> opening = put_in_words(analyze(experiment_)).opening;
  ASSERT_EQ(opening.size(), 4U);
  EXPECT_THAT(opening[2], names("Speed-up", "tst", "1.50x", "less compute"));
  EXPECT_THAT(opening[2], names("training time", "1.48x"));
  EXPECT_THAT(opening[2], names("interpolated", "baseline"));
}

TEST_F(WordsTest, OpeningIsGainErrorSpeedAndTextInThisOrder) {
  for (const std::int64_t seed : {1, 2, 3}) {
    for (const double budget : {0.5, 1.0}) {
      for (const bool tst : {false, true}) {
        test::SyntheticRun run = small_run(tst ? "tst" : "baseline", seed, 1.2 - 0.1 * budget);
        run.budget = budget;
        run.total_steps = static_cast<std::int64_t>(200 * budget);
        run.final_loss += tst ? 0.02 + 0.001 * static_cast<double>(seed) : 0;  // behind
        run.num_documents = 60;
        add(run);
      }
    }
  }
  const Words words = put_in_words(analyze(experiment_));
  EXPECT_THAT(words.headline, testing::StartsWith("tst ended 0.0220 behind baseline"));
  ASSERT_EQ(words.opening.size(), 4U);
  EXPECT_THAT(words.opening[0], names("excludes zero", "tst", "behind"));
  EXPECT_THAT(words.opening[1], HasSubstr("60 documents"));
  EXPECT_THAT(words.opening[2], names("0.74x", "more compute"));
  EXPECT_THAT(words.opening[3], names("1.90x", "raw text"));
}

TEST_F(WordsTest, RunsNotBegunAreOneLinePerArm) {
  add("baseline", 1, 1.1);
  for (const std::int64_t seed : {203, 204, 205, 206}) {
    const std::string folder = "/nowhere/tst-" + std::to_string(seed);
    experiment_.runs.push_back({"tst", seed, 0.004, 1, Role::kFinal, folder, "", 0});
  }
  experiment_.runs.push_back({"baseline", 2, 0.004, 1, Role::kFinal, "/nowhere/b-2", "", 0});
  const Analysis analysis = analyze(experiment_);
  const std::vector<std::string> notes = told_notes(analysis);
  EXPECT_THAT(notes, testing::Contains(names("4 runs", "tst", "203 to 206")));
  EXPECT_THAT(notes, testing::Contains(HasSubstr("baseline, seed 2")));
  EXPECT_EQ(analysis.notes.size(), notes.size() + 3);
}

TEST_F(WordsTest, NothingFinishedYet) {
  add("baseline", 1, 1.1);
  const Words words = put_in_words(analyze(experiment_));
  EXPECT_THAT(words.headline, names("No result", "no seed"));
  add("baseline", 2, 1.2);
  experiment_.arms = {"baseline"};
  EXPECT_THAT(put_in_words(analyze(experiment_)).headline, names("one arm"));
}

TEST_F(WordsTest, RatesThatTheArmsCameWithAreNamed) {
  test::SyntheticRun run = small_run("baseline", 1, 1.1);
  run.learning_rate = 0.007;
  add(run);
  add("tst", 1, 1.0);
  const std::string named = "0.007 for baseline, ";
  const std::string text = in_words(analyze(experiment_));
  EXPECT_THAT(text, names(named + "0.004", "tst", "not search"));
  EXPECT_THAT(text, Not(HasSubstr("not tuned")));

  // Another trainer's records may not hold the rate.
  experiment_.runs.back().learning_rate = 0;
  EXPECT_THAT(in_words(analyze(experiment_)), names(named + "unknown", "tst"));
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
              names("half A", "0.004 for baseline", "0.004 for tst"));
  test::SyntheticRun other = small_run("tst", 2, 1.0);
  other.learning_rate = 0.002;
  add(other);
  EXPECT_THAT(in_words(analyze(experiment_)), names("0.004 for tst", "0.002 and 0.004"));
}

TEST_F(WordsTest, EveryPhaseOfAScheduleIsTold) {
  test::SyntheticRun run = small_run("tst", 1, 1.0);
  add("baseline", 1, 1.1);
  add(run);
  EXPECT_THAT(in_words(analyze(experiment_)),
              names("tst", "superposition", "60 steps", "bags of 4 tokens", "all 4 tokens",
                    "140 steps", "next-token"));
  EXPECT_THAT(in_words(analyze(experiment_)), names("baseline", "next tokens"));
}

TEST_F(WordsTest, AnObjectiveIsToldByName) {
  metrics::RunHeader header;
  header.phases = {{0, 60, 4, 4, "set_sum"}, {60, 140, 1, 1}};
  EXPECT_THAT(schedule_sentence("tst", header, true),
              HasSubstr("predicted all 4 tokens that follow (objective set_sum), then 140 steps"));
}

TEST(Text, Numbers) {
  EXPECT_EQ(format_rate(0.004), "0.004");
  EXPECT_EQ(format_epochs(0), "epochs unknown");
  EXPECT_EQ(util::counted(1, "seed"), "1 seed");
}

}  // namespace
}  // namespace superpose::report
