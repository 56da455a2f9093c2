// A run on several corpora, with weights by phase and a source that is used up on the way: stopped,
// killed, branched and resumed, it is the run that never stopped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>

#include "metrics/reader.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/tiny_corpus_test.h"
#include "train/plan_text.h"
#include "util/files.h"

namespace superpose::test {
namespace {

using test::names;
using ::testing::HasSubstr;

constexpr std::int64_t kSwitch = 6;

data::MixtureConfig entry(const std::string& name, const std::filesystem::path& glob,
                          double weight) {
  data::MixtureConfig config;
  config.name = name;
  config.sources = {glob.string()};
  config.weight = weight;
  return config;
}

// Thirty documents and ten of tiny_run's corpus; the ten end a few steps after the switch.
train::RunConfig mixture_config(const std::filesystem::path& folder, const std::string& name) {
  train::RunConfig config = tiny_config(folder, name);
  config.data.sources.clear();
  config.mixture = {entry("many", folder / "corpus/??.txt", 7),
                    entry("few", folder / "corpus/?.txt", 3)};
  config.mixture[1].max_tokens = 1400;
  config.phases[0].weights = {{"few", "0.5"}, {"many", "0.5"}};
  return config;
}

class TrainMixture : public TinyCorpusTest {
 protected:
  static void SetUpTestSuite() {
    TinyCorpusTest::SetUpTestSuite();
    run_alone(config("uninterrupted"));
  }

  static train::RunConfig config(const std::string& name) {
    return mixture_config(folder_->path(), name);
  }
  static Fingerprint expected() {
    return fingerprint_of(checkpoint_of(config("uninterrupted"), 20));
  }
  static std::string error_of(const train::RunConfig& config) {
    return test::error_of([&] { run_alone(config); });
  }
};

TEST_F(TrainMixture, PlanSaysWhatEachSourceGives) {
  distributed::LocalCollective collective;
  const train::Plan plan = train::plan_run(make_spec(config("planned")), collective);
  ASSERT_EQ(plan.sources.size(), 2U);
  EXPECT_EQ(plan.sources[0].used_up_from, std::nullopt);
  // 1,152 tokens in bags of 3, then 38.4 per step: the limit of 1,400 falls into the seventh.
  ASSERT_TRUE(plan.sources[1].used_up_from);
  EXPECT_NEAR(static_cast<double>(*plan.sources[1].used_up_from), 12, 1);
  std::ostringstream out;
  print_plan(out, plan);
  EXPECT_THAT(out.str(), names("1.60 times", "r = 0.30", "s = 3"));
  EXPECT_THAT(out.str(), HasSubstr("source     few: "));
  EXPECT_THAT(out.str(), HasSubstr("weight 0.50, then 0.30;"));
  EXPECT_THAT(out.str(), names("used up", "share"));
}

TEST_F(TrainMixture, RecordsHaveEpochsOfEachSource) {
  const metrics::RunRecords records = metrics::read_json_lines(
      std::filesystem::path(config("uninterrupted").run.dir) / "metrics.jsonl");
  ASSERT_EQ(records.steps.size(), 20U);
  const auto& last = records.steps.back().source_epochs;
  ASSERT_EQ(last.size(), 2U);
  EXPECT_EQ(last[0].first, "many");
  EXPECT_GT(last[0].second, records.steps.front().source_epochs[0].second);
  EXPECT_EQ(last[1].first, "few");
  EXPECT_EQ(last[1].second, records.steps[14].source_epochs[1].second) << "used up";
  ASSERT_TRUE(records.summary);
  EXPECT_EQ(records.summary->source_epochs, last);
}

class TrainMixtureAt : public TrainMixture, public ::testing::WithParamInterface<int> {};

// Around the switch, the step without the second source, checkpoints, and in between.
INSTANTIATE_TEST_SUITE_P(Steps, TrainMixtureAt, ::testing::Values(2, 5, 6, 7, 10, 11, 12, 13, 19));

TEST_P(TrainMixtureAt, StoppedBySigtermGoesOnWithTheSameBits) {
  const train::RunConfig config = TrainMixture::config("sigterm-" + std::to_string(GetParam()));
  train::RunSpec spec = make_spec(config);
  spec.on_step = [](const train::StepReport& report) {
    if (report.step == GetParam() - 1) ::raise(SIGTERM);
  };
  EXPECT_EQ(run_alone(spec).step, GetParam());
  EXPECT_EQ(run_alone(config).steps_done_now, 20 - GetParam());
  EXPECT_EQ(fingerprint_of(checkpoint_of(config, 20)), expected());
  EXPECT_EQ(losses_of(config.run.dir), losses_of(TrainMixture::config("uninterrupted").run.dir));
}

TEST_F(TrainMixture, KilledGoesOnFromItsCheckpointsWithTheSameBits) {
  const train::RunConfig config = TrainMixture::config("killed");
  for (const std::int64_t step : {kSwitch + 2, std::int64_t{14}}) {
    train::RunSpec spec = make_spec(config);
    spec.on_step = [step](const train::StepReport& report) {
      if (report.step == step) ::raise(SIGKILL);
    };
    EXPECT_EXIT(run_alone(spec), ::testing::KilledBySignal(SIGKILL), "");
  }
  EXPECT_EQ(run_alone(config).steps_done_now, 10) << "from step 10 on";
  EXPECT_EQ(fingerprint_of(checkpoint_of(config, 20)), expected());
}

TEST_F(TrainMixture, BranchReadsTheRowsOfTheTrunk) {
  for (const std::int64_t step : {std::int64_t{5}, std::int64_t{15}}) {
    const train::RunConfig config = TrainMixture::config("branch-" + std::to_string(step));
    train::RunSpec spec = make_spec(config);
    spec.start_from = checkpoint_of(TrainMixture::config("uninterrupted"), step);
    run_alone(spec);
    EXPECT_EQ(fingerprint_of(checkpoint_of(config, 20)), expected());
  }
}

TEST_F(TrainMixture, BranchMayRaiseALimit) {
  train::RunConfig config = TrainMixture::config("more");
  config.mixture[1].max_tokens = 0;
  train::RunSpec spec = make_spec(config);
  spec.start_from = checkpoint_of(TrainMixture::config("uninterrupted"), 15);
  run_alone(spec);
  EXPECT_NE(fingerprint_of(checkpoint_of(config, 20)).consumed, expected().consumed);
  const metrics::RunRecords records =
      metrics::read_json_lines(std::filesystem::path(config.run.dir) / "metrics.jsonl");
  EXPECT_GT(records.steps.back().source_epochs[1].second,
            records.steps.front().source_epochs[1].second);
}

TEST_F(TrainMixture, ChangedFilesAreNamed) {
  const TempDir folder;
  write_tiny_corpus(folder.path());
  const train::RunConfig config = mixture_config(folder.path(), "changed");
  train::RunSpec spec = make_spec(config);
  spec.stop_after_step = 4;
  run_alone(spec);
  EXPECT_TRUE(std::filesystem::exists(checkpoint_of(config, 4) / "trainer/corpus.json"));
  util::write_file_atomic(folder / "corpus/7.txt", "another text in the place of the old one");
  EXPECT_THAT(error_of(config), names("the corpus", "same"));
  EXPECT_THAT(error_of(config), HasSubstr(": changed few/7.txt"));
  std::filesystem::copy(folder / "corpus/11.txt", folder / "corpus/77.txt");
  EXPECT_THAT(error_of(config), HasSubstr("changed few/7.txt; added many/77.txt"));
}

TEST_F(TrainMixture, ChangedHeldOutFilesAreNamed) {
  const TempDir folder;
  write_tiny_corpus(folder.path());
  const train::RunConfig config = mixture_config(folder.path(), "held-out");
  train::RunSpec spec = make_spec(config);
  spec.stop_after_step = 4;
  run_alone(spec);
  util::write_file_atomic(folder / "held-out/3.txt", "another text in the place of the old one");
  EXPECT_THAT(error_of(config), names("validation sets", "same"));
  EXPECT_THAT(error_of(config), HasSubstr("changed many/3.txt, few/3.txt"));
}

TEST_F(TrainMixture, WhereAllSourcesEndTheRunDoesOrIsRefused) {
  train::RunConfig config = TrainMixture::config("ends");
  config.mixture[0].max_epochs = 0.05;
  EXPECT_THAT(error_of(config), names("mixture", "all sources", "used up"));
  config.data.when_exhausted = corpus::WhenExhausted::kStop;
  const train::RunResult result = run_alone(config);
  EXPECT_EQ(result.status, train::RunStatus::kDataUsedUp);
  EXPECT_LT(result.step, 20);
  EXPECT_GT(result.step, kSwitch);
  EXPECT_EQ(run_alone(config).steps_done_now, 0);
}

TEST_F(TrainMixture, WrongWeightsAreRefusedBeforeAnythingIsRead) {
  train::RunConfig config = TrainMixture::config("wrong");
  config.data.cache_dir = (folder_->path() / "untouched").string();
  config.phases[0].weights = {{"fwe", "0.5"}};
  EXPECT_THAT(error_of(config), names("many", "few", "fwe"));
  config.phases[0].weights = {{"few", "\"half\""}};
  EXPECT_THAT(error_of(config), names("phases[0].weights", "few", ">= 0"));
  config.phases[0].weights = {{"few", "0"}, {"many", "0"}};
  EXPECT_THAT(error_of(config), names("phases[0].weights", "> 0"));
  EXPECT_FALSE(std::filesystem::exists(folder_->path() / "untouched"));
}

}  // namespace
}  // namespace superpose::test
