#include "train/start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/error_of.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace superpose::train {
namespace {

using ::testing::HasSubstr;

Start start_at(Start::Kind kind, std::int64_t step) {
  Start start;
  start.kind = kind;
  start.checkpoint = "old/step";
  start.state.step = step;
  start.state.corpus_fingerprint = "abc";
  start.state.settings = {{"train.seed", "1", false}, {"train.steps", "20", false}};
  return start;
}

std::string error_of(const Start& start, const StartExpectation& expected) {
  return test::error_of([&] { check_start(start, expected); });
}

StartExpectation expectation(const std::string& seed, const std::string& steps) {
  return {{{"train.seed", seed, false}, {"train.steps", steps, false}},
          {.fingerprint = "abc", .validation_fingerprint = "held", .files = {}},
          std::stoll(steps)};
}

TEST(CheckStart, ResumeWantsEverySettingAsItWas) {
  const Start start = start_at(Start::Kind::kResume, 5);
  EXPECT_EQ(error_of(start, expectation("1", "20")), "");
  EXPECT_THAT(error_of(start, expectation("1", "30")), HasSubstr("train.steps"));
}

TEST(CheckStart, ResumeOfAFinishedRunIsFine) {
  EXPECT_EQ(error_of(start_at(Start::Kind::kResume, 20), expectation("1", "20")), "");
}

TEST(CheckStart, BranchMayChangeStepsButNotTheSeed) {
  const Start start = start_at(Start::Kind::kBranch, 5);
  EXPECT_EQ(error_of(start, expectation("1", "30")), "");
  EXPECT_THAT(error_of(start, expectation("2", "30")),
              HasSubstr("train.seed (checkpoint 1, recipe 2)"));
}

TEST(CheckStart, BranchMustHaveStepsToDo) {
  EXPECT_THAT(error_of(start_at(Start::Kind::kBranch, 30), expectation("1", "30")),
              HasSubstr("train.steps = 30"));
}

TEST(CheckStart, CorpusMustBeTheSame) {
  for (const Start::Kind kind : {Start::Kind::kResume, Start::Kind::kBranch}) {
    Start start = start_at(kind, 5);
    start.state.corpus_fingerprint = "def";
    EXPECT_THAT(error_of(start, expectation("1", "20")), HasSubstr("was def and is abc"));
  }
}

TEST(CheckStart, NamesTheFilesThatChanged) {
  Start start = start_at(Start::Kind::kResume, 5);
  start.corpus = {"abc", "held", {{"a.txt", 3, 1}, {"b.txt", 4, 2}, {"c.txt", 5, 3}}};
  StartExpectation now = expectation("1", "20");
  now.corpus.files = {{"a.txt", 3, 1}, {"b.txt", 4, 7}, {"d.txt", 5, 9}};
  EXPECT_EQ(error_of(start, now), "") << "the same documents out of other files";
  now.corpus.fingerprint = "def";
  EXPECT_THAT(error_of(start, now),
              HasSubstr("was abc and is def: changed b.txt; removed c.txt; added d.txt"));
  now.corpus.fingerprint = "abc";
  now.corpus.validation_fingerprint = "other";
  EXPECT_THAT(error_of(start, now), HasSubstr("text of the validation sets must be the same"));
  EXPECT_THAT(error_of(start, now), HasSubstr("changed b.txt"));
  start.kind = Start::Kind::kBranch;
  EXPECT_EQ(error_of(start, now), "") << "a branch may be measured on other text";
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
