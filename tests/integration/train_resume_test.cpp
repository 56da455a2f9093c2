// A run that stops and is resumed is the run that never stopped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "metrics/reader.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/tiny_corpus_test.h"
#include "train/plan_checks.h"
#include "util/files.h"

namespace superpose::test {
namespace {

using test::names;
using ::testing::HasSubstr;

class TrainResume : public TinyCorpusTest {
 protected:
  static void SetUpTestSuite() {
    TinyCorpusTest::SetUpTestSuite();
    run_alone(config("uninterrupted"));
  }

  static Fingerprint expected() {
    return fingerprint_of(checkpoint_of(config("uninterrupted"), 20));
  }
  static std::string error_of(const train::RunConfig& config) {
    return test::error_of([&] { run_alone(config); });
  }
};

class TrainResumeAt : public TrainResume, public ::testing::WithParamInterface<int> {};

// The switch is after step 6; checkpoints are written every 5 steps.
INSTANTIATE_TEST_SUITE_P(Steps, TrainResumeAt, ::testing::Values(1, 4, 5, 6, 7, 13, 19));

TEST_P(TrainResumeAt, StoppedBySigtermGoesOnWithTheSameBits) {
  const train::RunConfig config = TrainResume::config("sigterm-" + std::to_string(GetParam()));
  train::RunSpec spec = make_spec(config);
  // The signal comes while a step runs, that step is finished, and the run ends.
  spec.on_step = [](const train::StepReport& report) {
    if (report.step == GetParam() - 1) ::raise(SIGTERM);
  };
  train::RunResult first;
  if (GetParam() > 1) {
    first = run_alone(spec);
    EXPECT_EQ(first.status, train::RunStatus::kStoppedBySignal);
    EXPECT_EQ(first.signal, SIGTERM);
    EXPECT_EQ(first.step, GetParam());
    EXPECT_EQ(first.checkpoint, checkpoint_of(config, GetParam()));
  } else {
    spec.stop_after_step = 1;
    run_alone(spec);
  }
  const train::RunResult second = run_alone(config);
  EXPECT_EQ(second.status, train::RunStatus::kFinished);
  EXPECT_EQ(second.steps_done_now, 20 - GetParam());
  EXPECT_EQ(fingerprint_of(checkpoint_of(config, 20)), expected());
  EXPECT_EQ(losses_of(config.run.dir), losses_of(TrainResume::config("uninterrupted").run.dir));
}

// Muon has a state of its own for each matrix.
TEST_F(TrainResume, ResumesMuonWithTheSameBits) {
  train::RunConfig whole = TrainResume::config("muon");
  whole.optim.matrices = optim::MatrixRule::kMuon;
  run_alone(whole);
  train::RunConfig parts = TrainResume::config("muon-in-parts");
  parts.optim.matrices = optim::MatrixRule::kMuon;
  for (const std::int64_t stop : {4, 9}) {
    train::RunSpec spec = make_spec(parts);
    spec.stop_after_step = stop;
    run_alone(spec);
  }
  run_alone(parts);
  EXPECT_EQ(fingerprint_of(checkpoint_of(parts, 20)), fingerprint_of(checkpoint_of(whole, 20)));
  EXPECT_NE(fingerprint_of(checkpoint_of(whole, 20)), expected());
}

TEST_F(TrainResume, StopsTwiceAndGoesOnTwice) {
  const train::RunConfig config = TrainResume::config("twice");
  for (const std::int64_t stop : {3, 8}) {
    train::RunSpec spec = make_spec(config);
    spec.stop_after_step = stop;
    run_alone(spec);
  }
  run_alone(config);
  EXPECT_EQ(fingerprint_of(checkpoint_of(config, 20)), expected());
}

TEST_F(TrainResume, FinishedRunIsLeftAsItIs) {
  const train::RunConfig config = TrainResume::config("finished");
  run_alone(config);
  const std::string before =
      util::read_file(std::filesystem::path(config.run.dir) / "metrics.jsonl");
  const train::RunResult result = run_alone(config);
  EXPECT_EQ(result.steps_done_now, 0);
  EXPECT_EQ(result.status, train::RunStatus::kFinished);
  EXPECT_EQ(util::read_file(std::filesystem::path(config.run.dir) / "metrics.jsonl"), before);
}

TEST_F(TrainResume, SummaryLostToAKillIsWritten) {
  const train::RunConfig config = TrainResume::config("no-summary");
  run_alone(config);
  const std::filesystem::path metrics = std::filesystem::path(config.run.dir) / "metrics.jsonl";
  std::string text = util::read_file(metrics);
  text.erase(text.rfind('\n', text.size() - 2) + 1);
  std::ofstream(metrics, std::ios::binary | std::ios::trunc) << text;
  ASSERT_FALSE(metrics::read_json_lines(metrics).summary);
  run_alone(config);
  EXPECT_TRUE(metrics::read_json_lines(metrics).summary);
}

TEST_F(TrainResume, AlteredCheckpointIsRefusedAndThePreviousOneTaken) {
  const train::RunConfig config = TrainResume::config("altered");
  train::RunSpec spec = make_spec(config);
  spec.stop_after_step = 12;
  run_alone(spec);
  const std::filesystem::path newest = checkpoint_of(config, 12);
  const auto size = std::filesystem::file_size(newest / "model.safetensors");
  std::filesystem::resize_file(newest / "model.safetensors", size - 4);

  const train::RunResult result = run_alone(config);

  EXPECT_EQ(result.steps_done_now, 10) << "from step 10 on";
  EXPECT_EQ(fingerprint_of(checkpoint_of(config, 20)), expected());
  const metrics::RunRecords records =
      metrics::read_json_lines(std::filesystem::path(config.run.dir) / "metrics.jsonl");
  bool said = false;
  for (const metrics::EventRecord& event : records.events) {
    said = said || (event.kind == metrics::EventKind::kWarning &&
                    event.text.find(newest.string()) != std::string::npos &&
                    event.text.find("model.safetensors") != std::string::npos);
  }
  EXPECT_TRUE(said);
}

TEST_F(TrainResume, NoValidCheckpointIsAnErrorAndNotANewRun) {
  const train::RunConfig config = TrainResume::config("all-altered");
  train::RunSpec spec = make_spec(config);
  spec.stop_after_step = 2;
  run_alone(spec);
  std::filesystem::resize_file(checkpoint_of(config, 2) / "trainer" / "state.json", 10);
  EXPECT_THAT(error_of(config), names("none", "valid"));
}

TEST_F(TrainResume, ChangedKeysAreListed) {
  train::RunConfig config = TrainResume::config("changed");
  train::RunSpec spec = make_spec(config);
  spec.stop_after_step = 4;
  run_alone(spec);
  config.train.steps = 30;
  config.optim.weight_decay = 0.2;
  config.log.every = 7;  // operational: may change
  const std::string error = error_of(config);
  EXPECT_THAT(error, HasSubstr("train.steps (checkpoint 20, recipe 30)\n"));
  EXPECT_THAT(error, HasSubstr("optim.weight_decay (checkpoint 0.1, recipe 0.2)"));
  EXPECT_THAT(error, ::testing::Not(HasSubstr("log.every")));
}

TEST_F(TrainResume, OperationalKeysMayChange) {
  train::RunConfig config = TrainResume::config("operational");
  train::RunSpec spec = make_spec(config);
  spec.stop_after_step = 4;
  run_alone(spec);
  config.log.every = 7;
  config.checkpoint.every = 3;
  config.checkpoint.keep = 1;
  config.evaluation.every = 4;
  EXPECT_EQ(run_alone(config).step, 20);
  EXPECT_EQ(fingerprint_of(checkpoint_of(config, 20)), expected());
}

TEST_F(TrainResume, ChangedCorpusIsAnError) {
  const TempDir folder;
  write_tiny_corpus(folder.path());
  const train::RunConfig config = tiny_config(folder.path(), "corpus");
  train::RunSpec spec = make_spec(config);
  spec.stop_after_step = 4;
  run_alone(spec);
  util::write_file_atomic(folder / "corpus/7.txt", "another text in the place of the old one");
  EXPECT_THAT(error_of(config), names("the corpus", "same"));
}

TEST_F(TrainResume, AnotherThreadCountIsSaidToCostBitExactness) {
  train::RunConfig config = TrainResume::config("threads");
  train::RunSpec spec = make_spec(config);
  spec.stop_after_step = 4;
  run_alone(spec);
  config.train.threads = 2;
  distributed::LocalCollective collective;
  const train::Plan plan = train::plan_run(make_spec(config), collective);
  EXPECT_THAT(plan.start_warnings, ::testing::Contains(names("threads 1 -> 2")));
}

TEST_F(TrainResume, SecondProcessInTheSameFolderIsRefused) {
  const train::RunConfig config = TrainResume::config("locked");
  train::RunSpec spec = make_spec(config);
  std::string error;
  spec.on_step = [&](const train::StepReport& report) {
    if (report.step == 1) error = error_of(config);
  };
  run_alone(spec);
  EXPECT_THAT(error, names("another process"));
}

TEST_F(TrainResume, LossThatIsNotFiniteStopsBeforeWeightsChange) {
  // A rate this high makes the weights infinite within a few steps, without any help.
  train::RunConfig config = TrainResume::config("diverges");
  config.optim.learning_rate = std::numeric_limits<float>::max();
  config.optim.warmup_steps = 0;
  config.checkpoint.every = 1;
  const std::string error = error_of(config);
  EXPECT_THAT(error, HasSubstr("train: step "));
  EXPECT_THAT(error, HasSubstr("phase 1, bag_size 3"));
  EXPECT_THAT(error, HasSubstr("not finite"));
  EXPECT_THAT(error, HasSubstr("last checkpoint: "));
  EXPECT_THAT(error, HasSubstr("step-0"));
}

TEST_F(TrainResume, StopsWhereTheDataEnd) {
  train::RunConfig config = TrainResume::config("data-end");
  config.train.steps = 2000;
  config.data.when_exhausted = corpus::WhenExhausted::kStop;
  config.log.every = 100;
  config.checkpoint.every = 0;
  config.evaluation.every = 0;
  config.phases[0].bag_size = 4;
  distributed::LocalCollective collective;
  const train::Plan plan = train::plan_run(make_spec(config), collective);
  ASSERT_TRUE(plan.first_epoch_ends_at);
  EXPECT_TRUE(plan.stops_with_data);
  // About 60,000 tokens at 128 * 4 per step.
  EXPECT_LT(plan.last_step, 130);
  const train::RunResult result = run_alone(config);
  EXPECT_EQ(result.status, train::RunStatus::kDataUsedUp);
  EXPECT_EQ(result.step, plan.last_step);
  const std::filesystem::path metrics = std::filesystem::path(config.run.dir) / "metrics.jsonl";
  const metrics::RunRecords records = metrics::read_json_lines(metrics);
  EXPECT_LE(records.steps.back().epoch, 1.0 + 1e-9);
  // Inside superposition: said at the start, and again at the end.
  const std::vector<std::string> remarks = train::end_remarks(plan);
  EXPECT_THAT(remarks, ::testing::SizeIs(2));
  for (const std::string& remark : remarks) {
    std::vector<std::int64_t> said_at;
    for (const metrics::EventRecord& event : records.events) {
      if (event.text == remark) said_at.push_back(event.step);
    }
    EXPECT_THAT(said_at, ::testing::ElementsAre(0, result.step)) << remark;
  }
}

TEST_F(TrainResume, ClocksGoOnAndTheTimeOfDayIsRecorded) {
  train::RunConfig config = TrainResume::config("times");
  train::RunSpec spec = make_spec(config);
  spec.stop_after_step = 10;
  run_alone(spec);
  run_alone(config);
  const auto records =
      metrics::read_json_lines(std::filesystem::path(config.run.dir) / "metrics.jsonl");
  ASSERT_EQ(records.steps.size(), 20u);
  double elapsed = 0;
  std::string time = "2026-01-01T00:00:00Z";
  for (const metrics::StepRecord& step : records.steps) {
    EXPECT_GE(step.elapsed_seconds, step.seconds);
    EXPECT_GT(step.elapsed_seconds, elapsed);
    EXPECT_GE(step.time, time) << "ISO 8601 sorts as text";
    elapsed = step.elapsed_seconds;
    time = step.time;
  }
  ASSERT_TRUE(records.summary);
  const double whole = records.summary->seconds + records.summary->evaluation_seconds +
                       records.summary->checkpoint_seconds;
  EXPECT_LE(elapsed, whole);
  EXPECT_EQ(records.header.started_at.size(), time.size());
  for (const auto& event : records.events) EXPECT_EQ(event.time.size(), time.size());
  for (const auto& validation : records.validations) {
    EXPECT_EQ(validation.time.size(), time.size());
    EXPECT_GT(validation.elapsed_seconds, 0);
  }
}

}  // namespace
}  // namespace superpose::test
