// `superpose compare` as a process: killed in every kind of run and started again; two ranks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "checkpoint/checkpoint.h"
#include "config/config.h"
#include "experiment/recipe.h"
#include "metrics/reader.h"
#include "support/names.h"
#include "support/tiny_corpus_test.h"
#include "util/files.h"
#include "util/process.h"

namespace superpose::test {
namespace {

namespace fs = std::filesystem;
using test::names;
using ::testing::HasSubstr;
using util::Process;

const fs::path kProgram = fs::path(SUPERPOSE_BUILD_DIR) / "bin" / "superpose";

// What a comparison of this recipe runs, with the steps that each ends at.
const std::vector<std::pair<std::string, std::int64_t>> kRuns = {{"baseline-seed-1", 120},
                                                                 {"baseline-seed-1-budget-0.5", 60},
                                                                 {"tst-seed-1", 120},
                                                                 {"tst-seed-1-budget-0.5", 60}};

class CompareKill : public TinyCorpusTest {
 protected:
  static void SetUpTestSuite() {
    TinyCorpusTest::SetUpTestSuite();
    experiment::Recipe recipe;
    recipe.base = tiny_config(folder_->path(), "unused");
    recipe.base.train.steps = 120;
    recipe.base.train.batch_positions = 512;
    recipe.base.evaluation.every = 30;
    recipe.base.checkpoint.every = 10;
    recipe.base.checkpoint.keep = 2;
    recipe.compare.budgets = {0.5, 1.0};
    util::write_file_atomic(*folder_ / "recipe.toml", config::to_toml(recipe));
    ASSERT_EQ(compare("uninterrupted"), 0) << output("uninterrupted");
  }

  static fs::path root(const std::string& name) { return folder_->path() / "runs" / name; }
  static std::string output(const std::string& name) {
    return util::read_file(folder_->path() / (name + ".out"));
  }
  static std::vector<std::string> command(const std::string& name) {
    return {kProgram.string(), "compare", (*folder_ / "recipe.toml").string(), "--run.dir",
            root(name).string()};
  }
  static int compare(const std::string& name, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = command(name);
    words.insert(words.end(), more.begin(), more.end());
    return Process(words, folder_->path() / (name + ".out")).wait();
  }
  // Continues the comparison and signals it once `run` has recorded `step`.
  static int compare_and_signal(const std::string& name, const std::string& run, std::int64_t step,
                                int signal) {
    Process process(command(name), folder_->path() / (name + ".out"));
    while (!process.has_ended() && last_step(root(name) / run) < step) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    process.send(signal);
    return process.wait();
  }
  // Of the whole lines of a file that is being written.
  static std::int64_t last_step(const fs::path& run_folder) {
    if (!fs::exists(run_folder / "metrics.jsonl")) return 0;
    std::ifstream file(run_folder / "metrics.jsonl");
    std::int64_t step = 0;
    for (std::string line; std::getline(file, line);) {
      const std::size_t at =
          line.find("\"gradient_norm\"") == std::string::npos ? line.npos : line.find("\"step\":");
      if (at != line.npos) step = std::stoll(line.substr(at + 7));
    }
    return step;
  }
};

TEST_F(CompareKill, GoesOnWithTheSameBits) {
  const std::string name = "killed";
  EXPECT_EQ(compare_and_signal(name, "baseline-seed-1", 17, SIGTERM), 3) << output(name);
  EXPECT_EQ(compare_and_signal(name, "baseline-seed-1", 64, SIGKILL), 128 + SIGKILL)
      << output(name);
  EXPECT_EQ(compare_and_signal(name, "baseline-seed-1-budget-0.5", 52, SIGKILL), 128 + SIGKILL)
      << output(name);
  EXPECT_EQ(compare_and_signal(name, "tst-seed-1", 36, SIGTERM), 3) << output(name);
  EXPECT_EQ(compare_and_signal(name, "tst-seed-1-budget-0.5", 21, SIGKILL), 128 + SIGKILL)
      << output(name);
  ASSERT_LT(last_step(root(name) / "tst-seed-1-budget-0.5"), 60)
      << "the kills came too late to test anything";
  EXPECT_FALSE(fs::exists(root(name) / "report.html"));
  EXPECT_EQ(compare(name), 0) << output(name);

  EXPECT_THAT(output(name), HasSubstr("report.html"));
  for (const auto& [run, steps] : kRuns) {
    const fs::path last = fs::path(run) / "checkpoints" / checkpoint::folder_name(steps);
    EXPECT_EQ(fingerprint_of(root(name) / last), fingerprint_of(root("uninterrupted") / last))
        << run;
    EXPECT_EQ(losses_of(root(name) / run), losses_of(root("uninterrupted") / run)) << run;
  }
}

TEST_F(CompareKill, TwoRanksDoTheSameRuns) {
  const std::string name = "two-ranks";
  std::vector<std::string> words = {kProgram.string(), "launch", "-n", "2"};
  const std::vector<std::string> rest = command(name);
  words.insert(words.end(), rest.begin() + 1, rest.end());
  EXPECT_EQ(Process(words, folder_->path() / (name + ".out")).wait(), 0) << output(name);
  EXPECT_TRUE(fs::exists(root(name) / "report.html"));
  for (const auto& [run, steps] : kRuns) {
    const fs::path last = fs::path(run) / "checkpoints" / checkpoint::folder_name(steps);
    const Fingerprint two = fingerprint_of(root(name) / last);
    const Fingerprint one = fingerprint_of(root("uninterrupted") / last);
    EXPECT_EQ(two.ids_hash, one.ids_hash) << run;
    EXPECT_EQ(two.consumed, one.consumed) << run;
  }
}

TEST_F(CompareKill, ErrorsAreOneLineWithTheirCode) {
  EXPECT_EQ(compare("unknown-arm", {"--only", "arm=nobody"}), 2);
  EXPECT_THAT(output("unknown-arm"), names("--only", "no arm", "\"nobody\""));
  EXPECT_EQ(compare("bad-budget", {"--compare.budgets", "[0.5, -1.0]"}), 2);
  EXPECT_THAT(output("bad-budget"), names("--compare.budgets", "> 0", "-1"));
  EXPECT_EQ(compare("long-phase", {"--phases", "[{steps = 100, bag_size = 2}]"}), 1);
  EXPECT_THAT(output("long-phase"), HasSubstr("tst, budget 0.5"));
  EXPECT_FALSE(fs::exists(root("long-phase")));
}

TEST_F(CompareKill, DryRunNamesEveryRun) {
  EXPECT_EQ(compare("dry", {"--dry-run"}), 0) << output("dry");
  for (const auto& [run, steps] : kRuns) EXPECT_THAT(output("dry"), HasSubstr(run));
  EXPECT_FALSE(fs::exists(root("dry")));
}

}  // namespace
}  // namespace superpose::test
