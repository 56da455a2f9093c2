#include "report/noise.h"

#include <gmock/gmock.h>

#include <cmath>

#include "report/export.h"
#include "report/words/verdict.h"
#include "report_fixture.h"
#include "support/names.h"
#include "util/json.h"

namespace superpose::report {
namespace {

using test::names;
using testing::HasSubstr;

class NoiseTest : public ReportTest {
 protected:
  GainOutcome gain() const { return analyze(experiment_).comparisons.at(0).equal_flops; }
  util::Json json() const {
    return util::parse_json(report_json(analyze(experiment_)), "report.json")["comparisons"][0];
  }
  // Gains of 0.04 and a little more or less.
  void add_seeds(std::int64_t count) {
    for (std::int64_t seed = 1; seed <= count; ++seed) {
      add("baseline", seed, 1.1);
      add("tst", seed, seed % 2 == 0 ? 1.055 : 1.065);
    }
  }
};

TEST_F(NoiseTest, OneSeedGetsThePredictionIntervalOfTheFigure) {
  add_seeds(1);
  experiment_.noise = {{"tst", 0.01, 6, "demo.toml"}};
  const GainOutcome one = gain();
  EXPECT_EQ(one.source, IntervalSource::kNoiseFigure);
  const double reach = 2.570582 * 0.01 * std::sqrt(1 + 1.0 / 6);
  EXPECT_NEAR(*one.interval.low, 0.035 - reach, 1e-8);
  EXPECT_NEAR(*one.interval.high, 0.035 + reach, 1e-8);
  EXPECT_EQ(verdict_of(one), Verdict::kAhead);
  EXPECT_EQ(json()["equal_flops"]["interval_source"], "noise_figure");
  EXPECT_EQ(json()["equal_flops"]["noise"]["source"], "demo.toml");
  EXPECT_THAT(in_words(analyze(experiment_)),
              testing::AllOf(HasSubstr("95 % prediction interval 0.0072 to 0.0628 ahead, 1 seed, "),
                             HasSubstr("over 6 seeds, demo.toml")));
}

TEST_F(NoiseTest, TwoSeedsNarrowItAndALargeSpreadMakesItUnclear) {
  add_seeds(2);
  experiment_.noise = {{"tst", 0.04, 6, ""}};
  const GainOutcome two = gain();
  EXPECT_NEAR(*two.interval.high - two.interval.mean, 2.570582 * 0.04 * std::sqrt(0.5 + 1.0 / 6),
              1e-7);
  EXPECT_EQ(verdict_of(two), Verdict::kUnclear);
}

TEST_F(NoiseTest, ThreeSeedsUseTheirOwn) {
  add_seeds(3);
  experiment_.noise = {{"tst", 0.01, 6, ""}};
  EXPECT_EQ(gain().source, IntervalSource::kSeeds);
  EXPECT_EQ(json()["equal_flops"]["interval_source"], "seeds");
}

TEST_F(NoiseTest, FigureOfAnotherArmIsNotUsed) {
  add_seeds(1);
  experiment_.noise = {{"s8", 0.01, 6, ""}};
  EXPECT_EQ(gain().source, IntervalSource::kNone);
  EXPECT_EQ(json()["verdict"], "too_few_seeds");
  EXPECT_EQ(json()["equal_flops"]["interval_source"], "none");
}

TEST_F(NoiseTest, OfSeveralFiguresTheOneOverMostSeedsIsUsed) {
  add_seeds(1);
  experiment_.noise = {{"tst", 0.01, 6, ""}, {"tst", 0.02, 12, ""}, {"tst", 0.03, 8, ""}};
  EXPECT_EQ(gain().noise.spread, 0.02);
}

TEST_F(NoiseTest, LossReadOffBetweenBudgetsHasNoFigure) {
  add("baseline", 1, 1.1);
  for (const double budget : {0.5, 1.0}) {
    test::SyntheticRun run = small_run("tst", 1, 1.2 - 0.2 * budget);
    run.budget = budget;
    run.total_steps = static_cast<std::int64_t>(200 * budget);
    run.flops_per_position *= std::sqrt(2.0);
    add(run);
  }
  experiment_.noise = {{"tst", 0.01, 6, ""}};
  EXPECT_EQ(gain().source, IntervalSource::kNone);
}

TEST_F(NoiseTest, FiguresThatCannotBeOneAreRefused) {
  add_seeds(1);
  experiment_.noise = {{"tst", 0.01, 5, ""}};
  EXPECT_THAT(error_of_analysis(), names("noise of tst", "seeds", ">= 6", "5"));
  experiment_.noise = {{"tst", 0, 6, ""}};
  EXPECT_THAT(error_of_analysis(), names("noise of tst", "spread", "> 0", "0"));
}

TEST_F(NoiseTest, SixSeedsGiveABlockForALaterRecipe) {
  add_seeds(6);
  experiment_.recipe_name = "recipes/\"demo\".toml";
  experiment_.pairs = {{"tst", "00ff00ff00ff00ff"}};
  const double spread = 0.005 * std::sqrt(6.0 / 5);  // six values 0.005 off their mean
  const std::string block = json()["noise_block"];
  EXPECT_THAT(block,
              testing::StartsWith("[[compare.noise]]\narm = \"tst\"\nsteps = 200\nspread = "));
  EXPECT_NEAR(std::stod(block.substr(block.find("spread = ") + 9)), spread, 1e-12);
  EXPECT_THAT(block, testing::EndsWith("\nseeds = 6\nsource = \"recipes/\\\"demo\\\".toml, "
                                       "2026-05-19, superpose 0.1.0\"\nsettings = "
                                       "\"00ff00ff00ff00ff\"\ncorpus = \"data-1/validation-1\"\n"));
  EXPECT_THAT(in_words(analyze(experiment_)), HasSubstr(block));
}

TEST_F(NoiseTest, EachBudgetOfSixSeedsGivesAnEntry) {
  add_seeds(6);
  for (std::int64_t seed = 1; seed <= 6; ++seed) {
    for (const std::string arm : {"baseline", "tst"}) {
      // Differences of 0.1 and 0.3 by turns: 0.1 off their mean.
      const double loss = arm == "tst" ? 1.2 : seed % 2 == 0 ? 1.5 : 1.3;
      test::SyntheticRun run = small_run(arm, seed, loss);
      run.budget = 0.5;
      run.total_steps = 100;
      add(run);
    }
  }
  experiment_.pairs = {{"tst", "00ff00ff00ff00ff", 1}, {"tst", "1122334455667788", 0.5}};
  const std::string blocks = json()["noise_block"];
  const std::string second = blocks.substr(blocks.find("[[compare.noise]]", 1));
  EXPECT_THAT(blocks, testing::StartsWith("[[compare.noise]]\narm = \"tst\"\nsteps = 200\n"));
  EXPECT_THAT(second, testing::StartsWith("[[compare.noise]]\narm = \"tst\"\nsteps = 100\n"));
  EXPECT_NEAR(std::stod(second.substr(second.find("spread = ") + 9)), 0.1 * std::sqrt(6.0 / 5),
              1e-12);
  EXPECT_THAT(second, HasSubstr("\nseeds = 6\n"));
  EXPECT_THAT(second, testing::EndsWith(
                          "\nsettings = \"1122334455667788\"\ncorpus = \"data-1/validation-1\"\n"));
}

TEST_F(NoiseTest, NoBlockOfFiveSeedsOrWithoutThePairsSettings) {
  add_seeds(5);
  experiment_.pairs = {{"tst", "00ff00ff00ff00ff"}};
  EXPECT_FALSE(json().contains("noise_block"));
  add("baseline", 6, 1.1);
  add("tst", 6, 1.05);
  EXPECT_TRUE(json().contains("noise_block"));
  experiment_.pairs.clear();
  EXPECT_FALSE(json().contains("noise_block"));
}

TEST_F(NoiseTest, SpreadsAreOfEachArmAndOfThePairs) {
  add("baseline", 1, 1.10);
  add("tst", 1, 1.06);
  add("baseline", 2, 1.12);
  add("tst", 2, 1.07);
  add("baseline", 3, 1.14);
  add("tst", 3, 1.08);
  const Analysis analysis = analyze(experiment_);
  // Equal steps d: deviation d; chi2(0.05, 2) = 0.1025866, so at most d sqrt(2 / 0.1025866).
  EXPECT_NEAR(analysis.arms.at(0).spread->deviation, 0.02, 1e-12);
  EXPECT_NEAR(analysis.arms.at(0).spread->upper, 0.02 * 4.415396, 1e-7);
  EXPECT_NEAR(analysis.arms.at(1).spread->deviation, 0.01, 1e-12);
  EXPECT_NEAR(analysis.comparisons.at(0).equal_flops.spread->deviation, 0.01, 1e-12);
  EXPECT_THAT(in_words(analysis), names("0.0200", "3 seeds", "0.0883", "baseline"));
  const util::Json json = util::parse_json(report_json(analysis), "report.json");
  EXPECT_NEAR(json["arms"][1]["spread"]["deviation"].get<double>(), 0.01, 1e-12);
  EXPECT_EQ(json["comparisons"][0]["equal_flops"]["spread"]["seeds"], 3);
}

TEST_F(NoiseTest, OneSeedHasNoSpread) {
  add_seeds(1);
  EXPECT_TRUE(json()["equal_flops"]["spread"].is_null());
}

}  // namespace
}  // namespace superpose::report
