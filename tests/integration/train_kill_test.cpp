// The program itself, as processes: killed and started again, one rank and two.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "config/config.h"
#include "metrics/reader.h"
#include "support/names.h"
#include "support/tiny_corpus_test.h"
#include "support/tolerances.h"
#include "util/files.h"
#include "util/process.h"

namespace superpose::test {
namespace {

using test::names;
using ::testing::HasSubstr;
using util::Process;

constexpr std::int64_t kSteps = 120;
constexpr std::int64_t kSwitch = 36;

const std::filesystem::path kProgram =
    std::filesystem::path(SUPERPOSE_BUILD_DIR) / "bin" / "superpose";

// Step records of the run so far: lines that begin as one.
std::int64_t steps_recorded(const std::filesystem::path& run_folder) {
  std::ifstream file(run_folder / "metrics.jsonl");
  std::int64_t steps = 0;
  for (std::string line; std::getline(file, line);) {
    steps += line.find("\"gradient_norm\"") != std::string::npos ? 1 : 0;
  }
  return steps;
}

// A loss is a sum over the 512 positions of a step.
double loss_tolerance(double loss) { return sum_tolerance(kEpsilonF32, 512, loss); }

class TrainKill : public TinyCorpusTest {
 protected:
  static void SetUpTestSuite() {
    TinyCorpusTest::SetUpTestSuite();
    train::RunConfig config = tiny_config(folder_->path(), "unused");
    config.train.steps = kSteps;
    config.train.batch_positions = 512;
    // A rate this low does not turn rounding into steps of Adam that go the other way, so that runs
    // which differ in rounding alone stay together for as long as this.
    config.optim.learning_rate = 1e-3;
    config.evaluation.every = 30;
    config.checkpoint.every = 10;
    config.checkpoint.keep = 2;
    config.log.tensorboard = true;
    util::write_file_atomic(recipe(), config::to_toml(config));
    ASSERT_EQ(train("uninterrupted"), 0) << output("uninterrupted");
  }

  static std::filesystem::path recipe() { return *folder_ / "recipe.toml"; }
  static std::filesystem::path run_folder(const std::string& name) {
    return folder_->path() / "runs" / name;
  }
  static std::filesystem::path last_checkpoint(const std::string& name) {
    return run_folder(name) / "checkpoints" / checkpoint::folder_name(kSteps);
  }
  static std::string output(const std::string& name) {
    return util::read_file(folder_->path() / (name + ".out"));
  }
  static std::vector<std::string> train_arguments(const std::string& name) {
    return {"train", recipe().string(), "--run.dir", run_folder(name).string()};
  }
  static std::unique_ptr<Process> start(const std::string& name,
                                        std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), kProgram.string());
    return std::make_unique<Process>(std::move(arguments), folder_->path() / (name + ".out"));
  }
  static int train(const std::string& name, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = train_arguments(name);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return start(name, arguments)->wait();
  }
  static void wait_for_step(Process& process, const std::string& name, std::int64_t step) {
    while (!process.has_ended() && steps_recorded(run_folder(name)) < step) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  static std::unique_ptr<Process> start_two_ranks(const std::string& name,
                                                  const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = train_arguments(name);
    arguments.insert(arguments.begin(), {"launch", "-n", "2"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return start(name, arguments);
  }
  // Starts or resumes the run and signals it once it has recorded `step` steps.
  static int train_and_signal(const std::string& name, std::int64_t step, int signal) {
    const auto process = start(name, train_arguments(name));
    wait_for_step(*process, name, step);
    process->send(signal);
    return process->wait();
  }
};

TEST_F(TrainKill, KilledBeforeAtAndAfterTheSwitchEndsInTheSameBits) {
  const std::string name = "killed";
  EXPECT_EQ(train_and_signal(name, 14, SIGKILL), 128 + SIGKILL) << output(name);
  EXPECT_EQ(train_and_signal(name, 22, SIGTERM), 3) << output(name);
  EXPECT_EQ(train_and_signal(name, kSwitch, SIGKILL), 128 + SIGKILL) << output(name);
  EXPECT_EQ(train_and_signal(name, kSwitch + 17, SIGTERM), 3) << output(name);
  EXPECT_EQ(train_and_signal(name, 91, SIGKILL), 128 + SIGKILL) << output(name);
  ASSERT_LT(steps_recorded(run_folder(name)), kSteps) << "the kills came too late to test anything";
  EXPECT_EQ(train(name), 0) << output(name);

  EXPECT_EQ(fingerprint_of(last_checkpoint(name)),
            fingerprint_of(last_checkpoint("uninterrupted")));
  EXPECT_EQ(losses_of(run_folder(name)), losses_of(run_folder("uninterrupted")));
}

TEST_F(TrainKill, TwoRanksAreOneUpToTheOrderOfSummation) {
  const std::string name = "two-ranks";
  ASSERT_EQ(start_two_ranks(name)->wait(), 0) << output(name);
  const Fingerprint two = fingerprint_of(last_checkpoint(name));
  const Fingerprint one = fingerprint_of(last_checkpoint("uninterrupted"));
  EXPECT_EQ(two.ids_hash, one.ids_hash) << "the same tokens";
  EXPECT_EQ(two.consumed, one.consumed);
  const std::vector<double> a = losses_of(run_folder("uninterrupted"));
  const std::vector<double> b = losses_of(run_folder(name));
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], loss_tolerance(a[i])) << i;
}

TEST_F(TrainKill, GoesOnWithAnotherNumberOfRanks) {
  const Fingerprint expected = fingerprint_of(last_checkpoint("uninterrupted"));
  const std::vector<double> losses = losses_of(run_folder("uninterrupted"));
  for (const bool two_first : {false, true}) {
    const std::string name = two_first ? "two-then-one" : "one-then-two";
    // Superposed until here, and across the switch on the other number of ranks.
    if (two_first) {
      const auto process = start_two_ranks(name);
      wait_for_step(*process, name, 12);
      process->send(SIGTERM);
      ASSERT_EQ(process->wait(), 3) << output(name);
      ASSERT_EQ(train(name), 0) << output(name);
    } else {
      ASSERT_EQ(train_and_signal(name, 12, SIGTERM), 3) << output(name);
      ASSERT_EQ(start_two_ranks(name)->wait(), 0) << output(name);
    }
    EXPECT_THAT(output(name), HasSubstr("bit for bit"));
    const Fingerprint found = fingerprint_of(last_checkpoint(name));
    EXPECT_EQ(found.ids_hash, expected.ids_hash);
    EXPECT_EQ(found.consumed, expected.consumed);
    const std::vector<double> now = losses_of(run_folder(name));
    ASSERT_EQ(now.size(), losses.size());
    for (std::size_t i = 0; i < now.size(); ++i) {
      EXPECT_NEAR(now[i], losses[i], loss_tolerance(losses[i])) << i;
    }
  }
}

TEST_F(TrainKill, RankThatDiesEndsTheOthers) {
  const std::string name = "dead-rank";
  // Steps without end: only the death can end it.
  const auto process = start_two_ranks(name, {"--train.steps", "1000000"});
  wait_for_step(*process, name, 5);
  const std::vector<pid_t> ranks = process->children();
  ASSERT_EQ(ranks.size(), 2U) << output(name);
  ::kill(ranks[1], SIGKILL);
  EXPECT_EQ(process->wait(), 128 + SIGKILL) << output(name);
  EXPECT_NE(::kill(ranks[0], 0), 0) << "the other rank still runs";
}

TEST_F(TrainKill, ChangedKeyEndsWithOneLineAndCodeOne) {
  ASSERT_EQ(train_and_signal("changed", 5, SIGTERM), 3) << output("changed");
  EXPECT_EQ(train("changed", {"--train.steps", "90"}), 1);
  EXPECT_THAT(output("changed"), HasSubstr("train.steps (checkpoint 120, recipe 90)"));
}

TEST_F(TrainKill, DryRunPrintsThePlanAndLeavesNothing) {
  EXPECT_EQ(train("dry", {"--dry-run"}), 0) << output("dry");
  EXPECT_THAT(output("dry"), HasSubstr("next-token prediction"));
  EXPECT_THAT(output("dry"), names("raw tokens"));
  EXPECT_FALSE(std::filesystem::exists(run_folder("dry")));
}

TEST_F(TrainKill, FromACheckpointStartsABranch) {
  const std::filesystem::path trunk = last_checkpoint("uninterrupted");
  EXPECT_EQ(train("longer", {"--from", trunk.string(), "--train.steps", "130"}), 0)
      << output("longer");
  const auto records = metrics::read_json_lines(run_folder("longer") / "metrics.jsonl");
  ASSERT_FALSE(records.steps.empty());
  EXPECT_EQ(records.steps.front().step, kSteps + 1);
  EXPECT_EQ(records.steps.back().step, 130);
  EXPECT_TRUE(records.summary);
}

}  // namespace
}  // namespace superpose::test
