// A run whose records can no longer be written, and the link to its newest checkpoint.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "metrics/json_lines_sink.h"
#include "metrics/reader.h"
#include "model/initialize.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/tiny_corpus_test.h"
#include "train/learner.h"
#include "train/loop.h"
#include "train/records.h"
#include "train/run_folder.h"
#include "util/stop_signal.h"

namespace superpose::test {
namespace {

using test::names;
using ::testing::Contains;
using ::testing::HasSubstr;

// Passes records on until one of a kind and step comes; from then on the disk is full.
template <class Record>
class FullDiskSink : public metrics::Sink {
 public:
  FullDiskSink(metrics::Sink& sink, std::int64_t step) : sink_(sink), step_(step) {}

  void write(const metrics::Record& record) override {
    full_ = full_ || (std::holds_alternative<Record>(record) && metrics::step_of(record) == step_);
    util::require(!full_, "metrics.jsonl: cannot be written");
    sink_.write(record);
  }

 private:
  metrics::Sink& sink_;
  std::int64_t step_;
  bool full_ = false;
};

class TrainRecords : public TinyCorpusTest {
 protected:
  static void SetUpTestSuite() {
    TinyCorpusTest::SetUpTestSuite();
    run_alone(config("uninterrupted"));
  }

  // The run of a config whose disk is full at that record; returns the error.
  template <class Record>
  static std::string run_until_full(const train::RunConfig& config, std::int64_t step) {
    const train::RunSpec spec = make_spec(config);
    distributed::LocalCollective collective;
    const train::ThreadScope threads(1);
    const train::RunFolder folder(config.run.dir);
    const train::Setup setup = train::set_up(spec, collective);
    train::Learner learner(setup.model, config.optim, setup.precision, setup.device);
    model::initialize(learner.parameters, setup.model, 1);
    metrics::SinkList records =
        train::open_sinks(spec, setup, train::make_plan(spec, setup, collective.world_size()));
    FullDiskSink<Record> sink(records, step);
    const util::StopSignal signal;
    return error_of([&] {
      train::TrainingLoop({spec, setup, learner, sink, collective, signal}).run();
    });
  }

  static void expect_resumes(const train::RunConfig& config) {
    EXPECT_EQ(run_alone(config).step, 20);
    EXPECT_EQ(fingerprint_of(checkpoint_of(config, 20)),
              fingerprint_of(checkpoint_of(TrainRecords::config("uninterrupted"), 20)));
  }
};

TEST_F(TrainRecords, CheckpointIsSavedFirst) {
  const train::RunConfig config = TrainRecords::config("full-at-8");
  EXPECT_THAT(run_until_full<metrics::StepRecord>(config, 8),
              names("metrics.jsonl", "written", "saved", checkpoint_of(config, 8).string()));
  EXPECT_NO_THROW(checkpoint::verify(checkpoint_of(config, 8)));
  expect_resumes(config);
}

TEST_F(TrainRecords, ValidationThatWasNotRecordedIsMadeAtTheResume) {
  for (const std::int64_t step : {10, 20}) {
    const train::RunConfig config =
        TrainRecords::config("full-at-validation-" + std::to_string(step));
    EXPECT_THAT(run_until_full<metrics::ValidationRecord>(config, step), HasSubstr("saved "));
    expect_resumes(config);
    EXPECT_EQ(losses_of(config.run.dir), losses_of(TrainRecords::config("uninterrupted").run.dir));
  }
}

TEST_F(TrainRecords, NothingIsSavedTwiceOrBeforeTheFirstStep) {
  train::RunConfig config = TrainRecords::config("full-at-event");
  EXPECT_THAT(run_until_full<metrics::EventRecord>(config, 5),
              HasSubstr("last checkpoint: " + checkpoint_of(config, 5).string()));
  config = TrainRecords::config("full-at-0");
  EXPECT_THAT(run_until_full<metrics::ValidationRecord>(config, 0),
              names("last checkpoint", "none"));
  EXPECT_FALSE(std::filesystem::exists(checkpoint_of(config, 0)));
}

TEST_F(TrainRecords, CheckpointThatFailsTooIsSaid) {
  const train::RunConfig config = TrainRecords::config("full-at-both");
  std::filesystem::create_directories(config.run.dir);
  std::ofstream(train::checkpoints_folder(config.run.dir)) << "no folder";
  EXPECT_THAT(run_until_full<metrics::StepRecord>(config, 3),
              names("metrics.jsonl", "written", "checkpoint failed"));
}

TEST_F(TrainRecords, LatestIsTheNewestCheckpointAlsoAfterPruning) {
  train::RunConfig config = TrainRecords::config("latest");
  config.checkpoint.keep = 1;
  train::RunSpec spec = make_spec(config);
  spec.stop_after_step = 13;
  run_alone(spec);
  const std::filesystem::path link = train::checkpoints_folder(config.run.dir) / "latest";
  EXPECT_EQ(std::filesystem::read_symlink(link), checkpoint_of(config, 13).filename());
  run_alone(config);
  EXPECT_EQ(std::filesystem::read_symlink(link), checkpoint_of(config, 20).filename());
  EXPECT_EQ(checkpoint::list(link.parent_path()).size(), 1U);
}

TEST_F(TrainRecords, MissingLinkIsSaidOnceAndCostsNothing) {
  const train::RunConfig config = TrainRecords::config("no-link");
  const std::filesystem::path own = train::checkpoints_folder(config.run.dir) / "latest";
  std::filesystem::create_directories(own);
  EXPECT_EQ(run_alone(config).status, train::RunStatus::kFinished);
  EXPECT_TRUE(std::filesystem::is_directory(std::filesystem::symlink_status(own)));
  std::vector<std::string> said;
  for (const metrics::EventRecord& event :
       metrics::read_json_lines(train::metrics_file(config.run.dir)).events) {
    if (event.text.find("no link") != std::string::npos) said.push_back(event.text);
  }
  EXPECT_THAT(said, ::testing::ElementsAre(names("latest", "link")));
}

}  // namespace
}  // namespace superpose::test
