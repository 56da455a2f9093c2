#include "train/start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "checkpoint/model_shape.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace superpose::train {
namespace {

using test::names;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kTokenizer =
    R"({"version":"1.0","padding":null,"model":{"type":"BPE","vocab":{"a":0}}})";

model::ModelConfig tiny_model(std::int64_t hidden_size = 16) {
  model::ModelConfig config;
  config.hidden_size = hidden_size;
  config.num_layers = 1;
  config.num_heads = 2;
  config.ffn_size = 32;
  return model::resolve(config, 320);
}

Start start_at(Start::Kind kind, std::int64_t step) {
  Start start;
  start.kind = kind;
  start.checkpoint = "old/step";
  start.state.step = step;
  start.state.corpus_fingerprint = "abc";
  start.state.settings = {{"train.seed", "1", false}, {"train.steps", "20", false}};
  start.model = checkpoint::to_hugging_face(tiny_model());
  start.tokenizer_json = kTokenizer;
  start.weights_hash = "0011";
  return start;
}

StartExpectation expectation(const std::string& seed, const std::string& steps) {
  StartExpectation expected;
  expected.settings = {{"train.seed", seed, false}, {"train.steps", steps, false}};
  expected.corpus = {.fingerprint = "abc", .validation_fingerprint = "held", .files = {}};
  expected.tokenizer_json = kTokenizer;
  expected.model = tiny_model();
  expected.total_steps = std::stoll(steps);
  return expected;
}

StartExpectation other_corpus() {
  StartExpectation expected = expectation("2", "30");  // a stage may have another seed
  expected.corpus.fingerprint = "other";
  expected.may_start_stage = true;
  return expected;
}

std::string error_of(Start start, const StartExpectation& expected) {
  return test::error_of([&] { settle_start(start, expected); });
}

TEST(SettleStart, ResumeWantsEverySettingAsItWas) {
  const Start start = start_at(Start::Kind::kResume, 5);
  EXPECT_EQ(error_of(start, expectation("1", "20")), "");
  EXPECT_THAT(error_of(start, expectation("1", "30")),
              AllOf(HasSubstr("\n  train.steps (checkpoint 20, recipe 30)\n"),
                    HasSubstr("--from old/step")))
      << "what to do next";
  EXPECT_THAT(error_of(start, expectation("2", "30")),
              AllOf(HasSubstr("\n  train.seed (checkpoint 1, recipe 2)\n"),
                    HasSubstr("\n  train.steps (checkpoint 20, recipe 30)\n"),
                    ::testing::Not(HasSubstr("--from"))))
      << "a line each; a branch would refuse another seed";
}

TEST(SettleStart, ResumeOfAFinishedRunIsFine) {
  EXPECT_EQ(error_of(start_at(Start::Kind::kResume, 20), expectation("1", "20")), "");
}

TEST(SettleStart, BranchMayChangeStepsButNotTheSeed) {
  Start start = start_at(Start::Kind::kBranch, 5);
  EXPECT_THAT(error_of(start, expectation("2", "30")),
              AllOf(HasSubstr("train.seed (checkpoint 1, recipe 2)"),
                    ::testing::Not(HasSubstr("train.steps"))));
  settle_start(start, expectation("1", "30"));
  EXPECT_EQ(start.kind, Start::Kind::kBranch);
  EXPECT_EQ(start.state.step, 5);
  EXPECT_THAT(start.state.parents,
              ElementsAre(metrics::ParentInfo{"branch", "old/step", 5, 5, "0011"}));
}

TEST(SettleStart, BranchMustHaveStepsToDo) {
  EXPECT_THAT(error_of(start_at(Start::Kind::kBranch, 30), expectation("1", "30")),
              HasSubstr("train.steps = 30"));
}

TEST(SettleStart, AnotherShapeIsRefusedByItsKeys) {
  StartExpectation expected = expectation("1", "30");
  expected.model = tiny_model(32);
  for (const Start::Kind kind : {Start::Kind::kResume, Start::Kind::kBranch}) {
    expected.settings =
        kind == Start::Kind::kResume ? start_at(kind, 5).state.settings : expected.settings;
    EXPECT_THAT(error_of(start_at(kind, 5), expected),
                HasSubstr("model.hidden_size (checkpoint 16, recipe 32)"));
  }
}

TEST(SettleStart, CorpusMustBeTheSameUnlessAStageMayBegin) {
  for (const Start::Kind kind : {Start::Kind::kResume, Start::Kind::kBranch}) {
    StartExpectation expected = expectation("1", "20");
    expected.may_start_stage = kind == Start::Kind::kResume;
    Start start = start_at(kind, 5);
    start.state.corpus_fingerprint = "def";
    EXPECT_THAT(error_of(start, expected), names("def", "abc"));
  }
}

TEST(SettleStart, NamesTheFilesThatChanged) {
  Start start = start_at(Start::Kind::kResume, 5);
  start.corpus = {"abc", "held", {{"a.txt", 3, 1}, {"b.txt", 4, 2}, {"c.txt", 5, 3}}};
  StartExpectation now = expectation("1", "20");
  now.corpus.files = {{"a.txt", 3, 1}, {"b.txt", 4, 7}, {"d.txt", 5, 9}};
  EXPECT_EQ(error_of(start, now), "") << "the same documents out of other files";
  now.corpus.fingerprint = "def";
  EXPECT_THAT(error_of(start, now),
              names("abc", "def", "changed b.txt", "removed c.txt", "added d.txt"));
  now.corpus.fingerprint = "abc";
  now.corpus.validation_fingerprint = "other";
  EXPECT_THAT(error_of(start, now), names("validation sets"));
  EXPECT_THAT(error_of(start, now), HasSubstr("changed b.txt"));
  start.kind = Start::Kind::kBranch;
  EXPECT_EQ(error_of(start, now), "") << "a branch may be measured on other text";
}

Start read_some() {
  Start start = start_at(Start::Kind::kBranch, 12);
  start.state.optimizer_updates = 12;
  start.state.consumed = {{{256, {6, 6}}, 96}};
  start.state.layout = {64, 1000};
  start.state.sources = {{"books", "aa", {64, 1000}}};
  start.state.clocks = {.positions = 4096, .raw_tokens = 99, .ids_hash = 7, .seconds = 2};
  start.state.parents = {{"stage", "older/step", 80, 0, "aabb"}};
  return start;
}

TEST(SettleStart, StageKeepsTheOptimizerAndNothingOfTheData) {
  Start start = read_some();
  settle_start(start, other_corpus());
  EXPECT_EQ(start.kind, Start::Kind::kStage);
  EXPECT_EQ(start.state.optimizer_updates, 12);
  EXPECT_THAT(start.state.consumed, IsEmpty());
  EXPECT_THAT(start.state.sources, IsEmpty());
  EXPECT_EQ(start.state.step, 0);
  EXPECT_EQ(start.state.clocks.positions, 0);
  EXPECT_EQ(start.state.clocks.ids_hash, 0U);
  EXPECT_THAT(start.state.parents,
              ElementsAre(metrics::ParentInfo{"stage", "older/step", 80, 0, "aabb"},
                          metrics::ParentInfo{"stage", "old/step", 12, 0, "0011"}));
  EXPECT_THAT(start.warnings, IsEmpty());
}

TEST(SettleStart, StageMayContinueTheSchedule) {
  Start start = read_some();
  StartExpectation expected = other_corpus();
  expected.continues_schedule = true;
  settle_start(start, expected);
  EXPECT_EQ(start.state.step, 12);
  EXPECT_EQ(start.state.clocks.positions, 4096);
  EXPECT_EQ(start.state.clocks.ids_hash, 0U) << "of this corpus alone";
  EXPECT_THAT(start.state.consumed, IsEmpty());
  EXPECT_EQ(start.state.parents.back().first_step, 12);
  expected.total_steps = 12;
  EXPECT_THAT(error_of(read_some(), expected), HasSubstr("train.steps = 12"));
  expected.continues_schedule = false;
  EXPECT_EQ(error_of(read_some(), expected), "") << "counted from 0";
}

TEST(SettleStart, StageMustHaveTheSameIds) {
  StartExpectation expected = other_corpus();
  expected.tokenizer_json =
      R"({"version":"2.0","padding":{"length":3},"model":{"type":"BPE","vocab":{"a":0}}})";
  EXPECT_EQ(error_of(read_some(), expected), "") << "what decides no ids may differ";
  expected.tokenizer_json =
      R"({"normalizer":{"type":"NFC"},"model":{"type":"BPE","vocab":{"b":0}}})";
  EXPECT_THAT(error_of(read_some(), expected),
              AllOf(HasSubstr("data.tokenizer"), HasSubstr("model.vocab, normalizer differ")));
  Start start = read_some();
  expected.tokenizer_json.clear();
  settle_start(start, expected);
  EXPECT_THAT(start.warnings, ElementsAre(names("no tokenizer.json")));
}

TEST(FindStart, FolderWithoutCheckpointsIsAFreshStart) {
  const test::TempDir folder;
  distributed::LocalCollective collective;
  const Start start = find_start(folder / "checkpoints", {}, collective);
  EXPECT_EQ(start.kind, Start::Kind::kFresh);
  EXPECT_EQ(start.state.step, 0);
}

TEST(FindStart, MissingCheckpointToBranchFromIsAnError) {
  const test::TempDir folder;
  distributed::LocalCollective collective;
  EXPECT_THROW(find_start(folder / "checkpoints", folder / "nowhere", collective), util::Error);
}

}  // namespace
}  // namespace superpose::train
