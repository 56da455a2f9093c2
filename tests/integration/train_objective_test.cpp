// A phase with an objective of its own: trains, is resumed with the same bits, is recorded by name,
// and leaves validation and the other phases as they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "metrics/reader.h"
#include "support/error_of.h"
#include "support/tiny_corpus_test.h"

namespace superpose::test {
namespace {

using superposition::Objective;
using ::testing::HasSubstr;

metrics::RunRecords records_of(const train::RunConfig& config) {
  return metrics::read_json_lines(std::filesystem::path(config.run.dir) / "metrics.jsonl");
}

class TrainObjective : public TinyCorpusTest {
 protected:
  // Rows that no micro-batch divides.
  static train::RunConfig config(const std::string& name) {
    train::RunConfig config = TinyCorpusTest::config(name);
    config.phases[0].objective = Objective::kSetSum;
    config.train.micro_batch = 3;
    return config;
  }
};

class TrainObjectiveResume : public TrainObjective,
                             public ::testing::WithParamInterface<std::tuple<int, bool>> {};

INSTANTIATE_TEST_SUITE_P(ThreadsDocuments, TrainObjectiveResume,
                         ::testing::Combine(::testing::Values(1, 2), ::testing::Bool()));

// The switch is after step 6.
TEST_P(TrainObjectiveResume, BeforeAtAndAfterTheSwitchGivesTheSameBits) {
  const auto [threads, document_aware] = GetParam();
  train::RunConfig whole =
      config(std::to_string(threads) + (document_aware ? "-documents" : "-stream"));
  whole.train.threads = threads;
  whole.data.document_aware = document_aware;
  run_alone(whole);
  train::RunConfig parts = whole;
  parts.run.dir += "-in-parts";
  for (const std::int64_t stop : {4, 6, 9}) {
    train::RunSpec spec = make_spec(parts);
    spec.stop_after_step = stop;
    run_alone(spec);
  }
  EXPECT_EQ(run_alone(parts).steps_done_now, 11);
  EXPECT_EQ(fingerprint_of(checkpoint_of(parts, 20)), fingerprint_of(checkpoint_of(whole, 20)));
  EXPECT_EQ(losses_of(parts.run.dir), losses_of(whole.run.dir));
}

TEST_F(TrainObjective, IsLearnedRecordedAndNotValidatedWith) {
  train::RunConfig other = config("learns");
  other.train.steps = 60;
  other.phases[0].share = 1;
  train::RunConfig usual = other;
  usual.run.dir += "-multi-hot";
  usual.phases[0].objective = Objective::kMultiHot;
  run_alone(other);
  run_alone(usual);
  const metrics::RunRecords ours = records_of(other);
  const metrics::RunRecords plain = records_of(usual);
  EXPECT_EQ(ours.header.phases[0].objective, "set_sum");
  EXPECT_EQ(plain.header.phases[0].objective, "");
  EXPECT_TRUE(ours.steps.front().is_bag_loss);
  // A bag has at most three distinct tokens, so its mass is about three times that of one.
  EXPECT_LT(ours.steps.front().loss, plain.steps.front().loss - 0.7);
  EXPECT_GT(ours.steps.front().loss, plain.steps.front().loss - 1.2);
  EXPECT_LT(ours.steps.back().loss, ours.steps.front().loss - 0.5);
  // Of the same initial weights; afterwards the weights differ.
  EXPECT_EQ(ours.validations.front().loss, plain.validations.front().loss);
  EXPECT_NE(ours.validations.back().loss, plain.validations.back().loss);
}

TEST_F(TrainObjective, ACheckpointOfAnotherIsRefusedByKey) {
  run_alone(config("changed"));
  train::RunConfig changed = config("changed");
  changed.phases[0].objective = Objective::kMultiHot;
  EXPECT_THAT(error_of([&] { run_alone(changed); }), HasSubstr("objective"));
}

TEST_F(TrainObjective, WorksInBf16) {
  train::RunConfig bf16 = config("bf16");
  bf16.train.precision = train::Precision::kBf16;
  run_alone(bf16);
  const train::RunConfig f32 = config("f32");
  run_alone(f32);
  EXPECT_NEAR(losses_of(bf16.run.dir).back(), losses_of(f32.run.dir).back(), 0.05);
}

}  // namespace
}  // namespace superpose::test
