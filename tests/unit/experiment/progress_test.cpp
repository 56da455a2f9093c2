#include "experiment/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "metrics/json.h"
#include "recipes.h"
#include "support/error_of.h"
#include "support/synthetic_runs.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace superpose::experiment {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

TEST(Progress, FolderWithoutRecordsHasNotBegun) {
  const test::TempDir folder;
  EXPECT_FALSE(read_progress(folder / "nothing", 10).begun);
  std::ofstream(folder / "metrics.jsonl").flush();
  EXPECT_FALSE(read_progress(folder.path(), 10).begun);
}

TEST(Progress, FinishedMeansASummaryAtTheLastStep) {
  const test::TempDir folder;
  test::SyntheticRun run;
  run.total_steps = 400;
  run.final_loss = 1.25;
  test::write_synthetic_run(folder.path(), run);
  const RunProgress progress = read_progress(folder.path(), 400);
  EXPECT_TRUE(progress.begun);
  EXPECT_TRUE(progress.finished);
  EXPECT_FALSE(progress.diverged);
  EXPECT_EQ(progress.step, 400);
  EXPECT_EQ(progress.positions, 400 * 4096);
  EXPECT_GT(progress.seconds, 0);
  EXPECT_THAT(progress.loss_half_a, Optional(1.25 + run.half_a_offset));
  EXPECT_EQ(progress.fingerprints.recipe, run.fingerprints.recipe);
  // The summary of a shorter run, such as one whose data ended, is not the end of this one.
  EXPECT_FALSE(read_progress(folder.path(), 500).finished);
}

TEST(Progress, RunWithoutASummaryIsUnderWay) {
  const test::TempDir folder;
  test::SyntheticRun run;
  run.total_steps = 400;
  run.finished = false;
  test::write_synthetic_run(folder.path(), run);
  const RunProgress progress = read_progress(folder.path(), 400);
  EXPECT_TRUE(progress.begun);
  EXPECT_FALSE(progress.finished);
}

TEST(Progress, LastRecordThatIsAnErrorMeansDiverged) {
  const test::TempDir folder;
  test::SyntheticRun run;
  run.finished = false;
  test::write_synthetic_run(folder.path(), run);
  std::ofstream file(folder / "metrics.jsonl", std::ios::app);
  file << metrics::to_json(metrics::EventRecord{7, metrics::EventKind::kError, "loss"}).dump()
       << '\n';
  file.close();
  EXPECT_TRUE(read_progress(folder.path(), run.total_steps).diverged);
}

// A grid of three rates for two arms, with given results.
TEST(Progress, ARunThatBranchedNamesItsParent) {
  const test::TempDir folder;
  test::SyntheticRun run;
  test::write_synthetic_run(folder.path(), run);
  EXPECT_EQ(read_progress(folder.path(), 400).parent, "");
}

TEST(Progress, CheckpointsThatABranchMayBeginAt) {
  PlannedRun run;
  run.total_steps = 100;
  RunProgress progress;
  EXPECT_EQ(usable_step(run, progress, 30), 30) << "it has not begun";
  progress.begun = true;
  progress.checkpoints = {10, 20};
  EXPECT_EQ(usable_step(run, progress, 30), 30) << "it comes to 30 yet";
  EXPECT_EQ(usable_step(run, progress, 20), 20);
  EXPECT_EQ(usable_step(run, progress, 15), 10) << "it resumes from 20";
  EXPECT_EQ(usable_step(run, progress, 9), 0);
  progress.finished = true;
  EXPECT_EQ(usable_step(run, progress, 30), 20);
  progress.finished = false;
  progress.diverged = true;
  EXPECT_EQ(usable_step(run, progress, 30), 0) << "a result that diverged";
  run.role = report::Role::kTuning;
  EXPECT_EQ(usable_step(run, progress, 30), 20);
}

class Rates : public ::testing::Test {
 protected:
  Recipe recipe_ = test::small_recipe("[compare]\nlearning_rates = [0.001, 0.002, 0.004]\n");
  std::vector<Arm> arms_ = make_arms(recipe_);
  std::vector<PlannedRun> runs_ = plan_runs(arms_, recipe_.compare, {});
  ProgressMap progress_;

  void finish(const std::string& folder, double loss) {
    progress_[folder].finished = true;
    progress_[folder].loss_half_a = loss;
  }
  void finish_all() {
    finish("baseline-seed-0-rate-0.001", 1.3);
    finish("baseline-seed-0-rate-0.002", 1.1);
    finish("baseline-seed-0-rate-0.004", 1.2);
    finish("tst-seed-0-rate-0.001", 1.3);
    finish("tst-seed-0-rate-0.002", 1.2);
    finish("tst-seed-0-rate-0.004", 1.0);
  }
};

TEST_F(Rates, EachArmTakesItsOwnBest) {
  finish_all();
  EXPECT_THAT(choose_rates(runs_, progress_, arms_), ElementsAre(Optional(0.002), Optional(0.004)));
}

TEST_F(Rates, UnfinishedGridHasNoBestYet) {
  finish_all();
  progress_.erase("tst-seed-0-rate-0.001");
  EXPECT_THAT(choose_rates(runs_, progress_, arms_), ElementsAre(Optional(0.002), std::nullopt));
}

TEST_F(Rates, DivergedPointsAreLeftOut) {
  RunProgress diverged;
  diverged.diverged = true;
  finish_all();
  progress_["tst-seed-0-rate-0.004"] = diverged;
  EXPECT_THAT(choose_rates(runs_, progress_, arms_), ElementsAre(Optional(0.002), Optional(0.002)));
  for (const char* rate : {"0.001", "0.002", "0.004"}) {
    progress_["tst-seed-0-rate-" + std::string(rate)] = diverged;
  }
  EXPECT_THAT(test::error_of([&] { choose_rates(runs_, progress_, arms_); }), HasSubstr("arm tst"));
}

TEST_F(Rates, LossOfHalfAIsNeeded) {
  finish_all();
  progress_["tst-seed-0-rate-0.004"].loss_half_a.reset();
  EXPECT_THROW(choose_rates(runs_, progress_, arms_), util::Error);
}

}  // namespace
}  // namespace superpose::experiment
