// The report of a run that is compared with nothing.
#include <gmock/gmock.h>

#include "report/page/step_curves.h"
#include "report/words/run_words.h"
#include "report_fixture.h"
#include "support/names.h"

namespace superpose::report {
namespace {

using test::names;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RunReport : public ReportTest {
 protected:
  // Of 200 steps, switch at step 60.
  Analysis analysis_of(bool finished) {
    test::SyntheticRun run = small_run("", 7, 1.25);
    run.bag_size = 4;
    run.finished = finished;
    run.has_scalars = true;
    const RunEntry entry = test::add_synthetic_run(folder_.path(), run, Role::kFinal);
    return analyze(experiment_of_run(folder_.path() / entry.folder));
  }
};

TEST_F(RunReport, SaysWhereTheRunEndedAndWhatItRead) {
  const Analysis analysis = analysis_of(true);
  ASSERT_NE(only_run(analysis), nullptr);
  EXPECT_EQ(only_run(analysis)->entry.seed, 7);
  const Words words = put_in_words(analysis);
  EXPECT_THAT(words.headline, HasSubstr("1.2500"));
  EXPECT_THAT(words.headline, HasSubstr("200 steps"));
  EXPECT_THAT(words.opening.at(0), names("60 steps", "bags of 4"));
}

TEST_F(RunReport, OfARunUnderWaySaysHowFarItIs) {
  const Words words = put_in_words(analysis_of(false));
  EXPECT_THAT(words.headline, HasSubstr("Step 100 of 200"));
}

TEST_F(RunReport, ACurveIsTheMeanOverItsRecordsAndHasGapsWhereAPhaseHasNoSuchLoss) {
  const Analysis analysis = analysis_of(true);
  const report::Run& run = *only_run(analysis);
  const util::Json curves = step_curves(run);
  const std::size_t points = curves["step"].size();
  ASSERT_EQ(points, run.records.steps.size());  // few enough for a point each
  EXPECT_EQ(curves["series"]["update_ratio"]["matrix"].size(), points);
  EXPECT_EQ(curves["series"]["update_ratio"]["vector"].back(), 0.004);
  for (std::size_t i = 0; i < points; ++i) {
    const metrics::StepRecord& step = run.records.steps[i];
    const bool is_bag = !curves["series"]["bag loss"][""][i].is_null();
    EXPECT_EQ(is_bag, step.is_bag_loss) << step.step;
    EXPECT_EQ(is_bag, curves["series"]["training loss"][""][i].is_null()) << step.step;
    EXPECT_EQ(curves["positions"][i], step.positions);
  }
}

TEST_F(RunReport, LongCurvesAreShortened) {
  Analysis analysis = analysis_of(true);
  report::Run run = *only_run(analysis);
  run.records.steps.clear();
  for (std::int64_t step = 1; step <= 1001; ++step) {
    metrics::StepRecord record;
    record.step = step;
    record.gradient_norm = static_cast<double>(step);
    record.scalars = {{"router/3/entropy", 1.5}, {"single", 2.0}};
    run.records.steps.push_back(record);
  }
  const util::Json curves = step_curves(run);
  EXPECT_LE(curves["step"].size(), kStepCurvePoints);
  EXPECT_EQ(curves["step"].back(), 1001);
  EXPECT_EQ(curves["series"]["gradient norm"][""][0], 2.5);  // of 1 to 4
  EXPECT_EQ(curves["series"]["router/entropy"]["3"][0], 1.5);
  EXPECT_EQ(curves["series"]["single"][""][0], 2.0);
}

TEST_F(RunReport, OneThatIsNotFinishedSaysHowFarItIs) {
  Analysis analysis = analysis_of(true);
  report::Run run = *only_run(analysis);
  run.finished = false;
  metrics::StepRecord record;
  record.step = run.records.validations.back().step + 10;
  run.records.steps = {record};
  const std::string headline = run_in_words(analysis, run).headline;
  EXPECT_THAT(headline, testing::StartsWith("Step " + std::to_string(record.step) + " of "));
  EXPECT_THAT(headline, testing::EndsWith(" at step " + std::to_string(record.step - 10)));
}

TEST_F(RunReport, AComparisonIsNoRun) {
  EXPECT_FALSE(is_one_run(folder_.path()));
  test::SyntheticRun run = small_run("", 7, 1.25);
  const RunEntry entry = test::add_synthetic_run(folder_.path(), run, Role::kFinal);
  EXPECT_TRUE(is_one_run(folder_.path() / entry.folder));
  add("baseline", 1, 1.1);
  add("tst", 1, 1.05);
  EXPECT_EQ(only_run(analyze(experiment_)), nullptr);
}

}  // namespace
}  // namespace superpose::report
