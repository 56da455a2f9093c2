// A new stage on other text: weights and optimizer of a checkpoint, a corpus from its own start.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "metrics/reader.h"
#include "optim/schedule.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/tiny_corpus_test.h"
#include "train/run_state.h"
#include "util/files.h"
#include "util/hash.h"

namespace superpose::test {
namespace {

using test::names;
using ::testing::AllOf;
using ::testing::HasSubstr;

train::RunState state_of(const std::filesystem::path& checkpoint) {
  const std::string file = (checkpoint / "trainer" / "state.json").string();
  return train::run_state_from_json(util::parse_json(util::read_file(file), file), file);
}

class TrainStage : public TinyCorpusTest {
 protected:
  static void SetUpTestSuite() {
    TinyCorpusTest::SetUpTestSuite();
    std::filesystem::create_directories(*folder_ / "news");
    for (int document = 0; document < 30; ++document) {
      std::string text;
      for (int i = 0; i < 200; ++i) text += "news " + std::to_string(document * 1000 + i) + "; ";
      util::write_file_atomic(*folder_ / "news" / (std::to_string(document) + ".txt"), text);
    }
    run_alone(config("parent"));
  }

  static std::filesystem::path parent(std::int64_t step = 20) {
    return checkpoint_of(config("parent"), step);
  }

  // 12 steps on the other text.
  static train::RunConfig stage_config(const std::string& name) {
    train::RunConfig config = TrainStage::config(name);
    config.data.sources = {(*folder_ / "news").string()};
    config.train.steps = 12;
    config.phases.clear();
    return config;
  }

  static train::RunSpec stage_spec(const train::RunConfig& config,
                                   const std::filesystem::path& from) {
    train::RunSpec spec = make_spec(config);
    spec.start_from = from;
    spec.may_start_stage = true;
    return spec;
  }

  static metrics::RunRecords records_of(const train::RunConfig& config) {
    return metrics::read_json_lines(std::filesystem::path(config.run.dir) / "metrics.jsonl");
  }
};

TEST_F(TrainStage, CountsFromZeroAndWarmsUpAgain) {
  const train::RunConfig config = stage_config("restart");
  const train::RunResult result = run_alone(stage_spec(config, parent()));
  EXPECT_EQ(result.status, train::RunStatus::kFinished);
  EXPECT_EQ(result.steps_done_now, 12);

  const metrics::RunRecords records = records_of(config);
  ASSERT_EQ(records.steps.size(), 12U);
  EXPECT_EQ(records.steps.front().step, 1);
  for (const metrics::StepRecord& record : records.steps) {
    EXPECT_EQ(record.learning_rate, optim::learning_rate_at(config.optim, record.step - 1, 12));
  }
  EXPECT_EQ(records.steps.back().positions, 12 * 128);

  const train::RunState state = state_of(checkpoint_of(config, 12));
  EXPECT_EQ(state.optimizer_updates, 20 + 12);
  ASSERT_EQ(state.consumed.size(), 1U) << "of this corpus alone";
  EXPECT_EQ(state.consumed[0].rows, 12 * 8);
  EXPECT_LT(records.validations.front().loss, 5.0) << "weights of a trained model, not new ones";
}

TEST_F(TrainStage, RecordsNameTheParent) {
  const train::RunConfig config = stage_config("named");
  run_alone(stage_spec(config, parent(10)));
  const metrics::ParentInfo expected = {
      "stage", parent(10).string(), 10, 0,
      util::hex64(util::hash_file(parent(10) / "model.safetensors"))};
  EXPECT_THAT(records_of(config).header.parents, ::testing::ElementsAre(expected));
  EXPECT_THAT(state_of(checkpoint_of(config, 12)).parents, ::testing::ElementsAre(expected));
}

// As a kill before the stage's first checkpoint leaves them.
TEST_F(TrainStage, RecordsOfAStageAreNotReplacedByARunFromNothing) {
  const train::RunConfig config = stage_config("no-checkpoint-yet");
  train::RunSpec spec = stage_spec(config, parent());
  run_alone(spec);
  const std::filesystem::path run = config.run.dir;
  std::filesystem::remove_all(run / "checkpoints");
  std::string kept;
  std::istringstream lines(util::read_file(run / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"event\":\"checkpoint\"") == std::string::npos) kept += line + "\n";
  }
  util::write_file_atomic(run / "metrics.jsonl", kept);
  EXPECT_THAT(error_of([&] { run_alone(config); }), HasSubstr("--from " + parent().string()));
  EXPECT_EQ(util::read_file(run / "metrics.jsonl"), kept);
  EXPECT_EQ(run_alone(spec).steps_done_now, 12);
}

TEST_F(TrainStage, FromThatIsNotUsedIsSaid) {
  const train::RunConfig config = stage_config("another-from");
  run_alone(stage_spec(config, parent()));
  distributed::LocalCollective alone;
  EXPECT_THAT(train::plan_run(stage_spec(config, parent()), alone).start_warnings,
              ::testing::IsEmpty());
  EXPECT_THAT(train::plan_run(stage_spec(config, parent(10)), alone).start_warnings,
              ::testing::ElementsAre(names("not used")));
}

TEST_F(TrainStage, ReadsItsCorpusAsARunFromNothingDoes) {
  const train::RunConfig alone = stage_config("alone");
  run_alone(alone);
  const train::RunConfig stage = stage_config("order");
  run_alone(stage_spec(stage, parent(15)));
  const Fingerprint a = fingerprint_of(checkpoint_of(alone, 12));
  const Fingerprint b = fingerprint_of(checkpoint_of(stage, 12));
  EXPECT_EQ(a.ids_hash, b.ids_hash);
  EXPECT_EQ(a.consumed, b.consumed);
  EXPECT_NE(a.model, b.model);
}

TEST_F(TrainStage, ContinuesTheScheduleWhereAsked) {
  train::RunConfig config = stage_config("continued");
  config.train.steps = 20;
  config.train.continue_schedule = true;
  const train::RunResult result = run_alone(stage_spec(config, parent(15)));
  EXPECT_EQ(result.steps_done_now, 5);
  const metrics::RunRecords records = records_of(config);
  EXPECT_EQ(records.steps.front().step, 16);
  EXPECT_EQ(records.steps.front().learning_rate, optim::learning_rate_at(config.optim, 15, 20));
  EXPECT_EQ(records.steps.back().positions, 20 * 128) << "the parent's part counts";
  const train::RunState state = state_of(checkpoint_of(config, 20));
  ASSERT_EQ(state.consumed.size(), 1U);
  EXPECT_EQ(state.consumed[0].rows, 5 * 8);
  ASSERT_EQ(state.parents.size(), 1U);
  EXPECT_EQ(state.parents[0].first_step, 15);

  distributed::LocalCollective collective;
  config.run.dir += "-plan";
  const train::Plan plan = train::plan_run(stage_spec(config, parent(15)), collective);
  EXPECT_EQ(plan.raw_tokens_needed, 5 * 128) << "of this corpus";
}

class TrainStageResume : public TrainStage, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Schedules, TrainStageResume, ::testing::Bool());

TEST_P(TrainStageResume, IsBitExact) {
  train::RunConfig whole = stage_config("whole-" + std::to_string(GetParam()));
  whole.train.continue_schedule = GetParam();
  if (GetParam()) whole.train.steps = 27;
  run_alone(stage_spec(whole, parent(15)));
  const std::int64_t first = GetParam() ? 15 : 0;

  train::RunConfig stopped = whole;
  stopped.run.dir += "-stopped";
  for (const std::int64_t stop : {first + 2, first + 8}) {
    train::RunSpec spec = stage_spec(stopped, parent(15));
    spec.on_step = [&](const train::StepReport& report) {
      if (report.step == stop - 1) ::raise(SIGTERM);
    };
    EXPECT_EQ(run_alone(spec).step, stop);
  }
  // Without --from, and with the key changed: the stage has begun.
  stopped.train.continue_schedule = !GetParam();
  EXPECT_EQ(run_alone(stopped).status, train::RunStatus::kFinished);
  const std::int64_t last = whole.train.steps;
  EXPECT_EQ(fingerprint_of(checkpoint_of(whole, last)),
            fingerprint_of(checkpoint_of(stopped, last)));
  EXPECT_EQ(losses_of(whole.run.dir), losses_of(stopped.run.dir));
  EXPECT_EQ(state_of(checkpoint_of(stopped, last)).parents,
            state_of(checkpoint_of(whole, last)).parents);
}

TEST_F(TrainStage, StageOfAStageNamesBoth) {
  const train::RunConfig first = stage_config("first");
  run_alone(stage_spec(first, parent(10)));
  train::RunConfig second = config("second");  // back on the first text
  second.train.steps = 6;
  run_alone(stage_spec(second, first.run.dir));
  const std::vector<metrics::ParentInfo> parents = state_of(checkpoint_of(second, 6)).parents;
  ASSERT_EQ(parents.size(), 2U);
  EXPECT_EQ(parents[0].folder, parent(10).string());
  EXPECT_EQ(parents[1].folder, checkpoint_of(first, 12).string()) << "the run's newest checkpoint";
  EXPECT_EQ(state_of(checkpoint_of(second, 6)).optimizer_updates, 10 + 12 + 6);
}

TEST_F(TrainStage, SameCorpusStaysABranch) {
  train::RunConfig config = TrainStage::config("branch");
  config.train.steps = 24;
  run_alone(stage_spec(config, parent()));
  EXPECT_EQ(records_of(config).steps.front().step, 21);
  const train::RunState state = state_of(checkpoint_of(config, 24));
  ASSERT_EQ(state.parents.size(), 1U);
  EXPECT_EQ(state.parents[0].kind, "branch");
  EXPECT_EQ(state.consumed.size(), 2U) << "bags, then tokens";
}

TEST_F(TrainStage, OtherTextIsRefusedWhereNoStageMayBegin) {
  train::RunSpec spec = stage_spec(stage_config("refused"), parent());
  spec.may_start_stage = false;
  EXPECT_THAT(error_of([&] { run_alone(spec); }), names("the corpus", "same", "changed 0.txt"));
}

TEST_F(TrainStage, AnotherShapeIsRefusedBeforeAnythingIsWritten) {
  train::RunConfig config = stage_config("shape");
  config.model.hidden_size = 64;
  config.model.vocab_size = 512;
  distributed::LocalCollective collective;
  EXPECT_THAT(error_of([&] { train::plan_run(stage_spec(config, parent()), collective); }),
              AllOf(HasSubstr("\n  model.vocab_size (checkpoint 320, recipe 512)\n"),
                    HasSubstr("\n  model.hidden_size (checkpoint 32, recipe 64)\n")));
}

TEST_F(TrainStage, ChangedTextAtAResumeSaysHowToBeginAStage) {
  train::RunConfig config = TrainStage::config("changed-text");
  train::RunSpec spec = make_spec(config);
  spec.stop_after_step = 4;
  run_alone(spec);
  config.data.sources.push_back((*folder_ / "news").string());
  // The key is among the settings: the list says so first.
  EXPECT_THAT(error_of([&] { run_alone(config); }),
              names("data.sources[1]", "--from " + checkpoint_of(config, 4).string()));
}

}  // namespace
}  // namespace superpose::test
