// Records of other trainers: what they hold, and nothing else, comes into the report.
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include "metrics/tensorboard_sink.h"
#include "report/experiment.h"
#include "report/page/page.h"
#include "report/report.h"
#include "report/trainers/mapping.h"
#include "report/trainers/trainer_log.h"
#include "report/words/run_words.h"
#include "report_fixture.h"
#include "support/error_of.h"
#include "support/names.h"

namespace superpose::report {
namespace {

using test::error_of;
using test::names;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

class Trainers : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = folder_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }

  static TrainerLog read(const std::filesystem::path& path, const std::string& reader) {
    const LogReader* found = find_reader(path);
    EXPECT_NE(found, nullptr) << path;
    if (found == nullptr) return {};
    EXPECT_EQ(std::string(found->name), reader);
    TrainerLog log = found->read(path);
    log.sort();
    return log;
  }

  std::filesystem::path nanogpt(const std::string& name, double last) const {
    return write(name,
                 "number of parameters: 0.80M\n"
                 "step 0: train loss 4.2874, val loss 4.2823\n"
                 "iter 0: loss 4.2654, time 20145.11ms, mfu -100.00%\n"
                 "iter 10: loss 3.2400, time 25.01ms, mfu 4.04%\n"
                 "step 20: train loss 2.1, val loss " +
                     std::to_string(last) + "\nsaving checkpoint to out\n");
  }

  test::TempDir folder_;
};

TEST_F(Trainers, ALogOfNanoGpt) {
  const TrainerLog log = read(nanogpt("train.log", 2.25), "nanoGPT or nanochat log");
  EXPECT_THAT(log.find("val loss")->points, ElementsAre(Pair(0, 4.2823), Pair(20, 2.25)));
  EXPECT_THAT(log.find("loss")->points, ElementsAre(Pair(0, 4.2654), Pair(10, 3.24)));
  EXPECT_THAT(log.find("time")->points, ElementsAre(Pair(0, 20145.11), Pair(10, 25.01)));
  EXPECT_EQ(log.total_steps, 0);
}

TEST_F(Trainers, ALogOfNanochat) {
  const TrainerLog log = read(
      write("base.log",
            "Step 00000 | Validation bpb: 3.3008\n"
            "step 00010/21400 (0.05%) | loss: 8.92 | grad norm: 0.3477 | dt: 933.39ms | tok/sec: "
            "56,185 | total time: 0.10m\n"),
      "nanoGPT or nanochat log");
  EXPECT_THAT(log.find("Validation bpb")->points, ElementsAre(Pair(0, 3.3008)));
  EXPECT_THAT(log.find("grad norm")->points, ElementsAre(Pair(10, 0.3477)));
  EXPECT_THAT(log.find("tok/sec")->points, ElementsAre(Pair(10, 56185)));
  EXPECT_EQ(log.total_steps, 21400);
}

TEST_F(Trainers, WandbWithoutItsBounds) {
  const TrainerLog log =
      read(write("export.csv",
                 "\"Step\",\"a - val/loss\",\"a - val/loss__MIN\"\n"
                 "\"10\",\"3.5\",\"3.5\"\n\"20\",\"\",\"\"\n\"30\",\"3.25\",\"3\"\n"),
           "W&B CSV export");
  ASSERT_EQ(log.series.size(), 1U);
  EXPECT_EQ(log.series[0].name, "a - val/loss");
  EXPECT_THAT(log.series[0].points, ElementsAre(Pair(10, 3.5), Pair(30, 3.25)));
}

TEST_F(Trainers, OfTrainerStatesTheLastCheckpoint) {
  const auto state = [&](int step, double loss) {
    write("out/checkpoint-" + std::to_string(step) + "/trainer_state.json",
          R"({"max_steps": 1000, "log_history": [{"step": 5, "loss": 4.5, "learning_rate": 0.001},
             {"step": 10, "eval_loss": )" +
              std::to_string(loss) + "}]}");
  };
  state(100, 3.5);
  state(90, 3.75);
  const TrainerLog log = read(folder_.path() / "out", "Hugging Face trainer_state.json");
  EXPECT_THAT(log.find("eval_loss")->points, ElementsAre(Pair(10, 3.5)));
  EXPECT_EQ(log.total_steps, 1000);
}

TEST_F(Trainers, AStateThatIsNoneIsRefused) {
  const auto path = write("state.json", R"({"log_history": [{"loss": 1}]})");
  EXPECT_THAT(error_of([&] { find_reader(path)->read(path); }), names("state.json", "step"));
}

TEST_F(Trainers, TensorBoardFilesAreReadAndChecked) {
  metrics::StepRecord step;
  step.step = 7;
  step.loss = 3.5;
  {
    metrics::TensorBoardSink sink(folder_.path(), 0);
    sink.write(metrics::RunHeader{});
    sink.write(step);
  }
  const TrainerLog log = read(folder_.path(), "TensorBoard events");
  ASSERT_NE(log.find("train/ntp_loss"), nullptr);
  EXPECT_THAT(log.find("train/ntp_loss")->points, ElementsAre(Pair(7, 3.5)));
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20);
    file.put('\x7f');
  }
  EXPECT_THAT(error_of([&] { find_reader(folder_.path())->read(folder_.path()); }),
              names("checksum", "byte"));
}

TEST_F(Trainers, OwnRecordsAreNotAnotherTrainers) {
  test::write_synthetic_run(folder_.path() / "own", {});
  EXPECT_EQ(find_reader(folder_.path() / "own"), nullptr);
  EXPECT_EQ(find_reader(write("notes.txt", "step by step\n")), nullptr);
}

TEST_F(Trainers, ThePageOfOneRunLeavesOutWhatIsNotRecorded) {
  const Experiment experiment = experiment_of_run(nanogpt("train.log", 2.25));
  const Analysis analysis = analyze(experiment);
  ASSERT_NE(only_run(analysis), nullptr);
  EXPECT_FALSE(only_run(analysis)->finished);  // nobody said how many steps it was to take
  const Words words = put_in_words(analysis);
  EXPECT_THAT(words.headline, HasSubstr("2.2500"));
  EXPECT_TRUE(words.opening.empty()) << words.opening.front();
  const std::string whole = html_page(analysis, "");
  const std::size_t body = whole.find("<main>");
  const std::string page = whole.substr(body, whole.find("<script", body) - body);
  for (const char* absent : {"FLOP", "0.00 epochs", "superposed", "Throughput", ">Arm<"}) {
    EXPECT_THAT(page, Not(HasSubstr(absent)));
  }
  EXPECT_THAT(page, HasSubstr("flops_per_position"));  // asked for by its name
  EXPECT_THAT(whole, HasSubstr("\"mfu\""));            // a series that nothing maps keeps its name
}

TEST_F(Trainers, AComparisonAsksForWhatItNeeds) {
  const std::vector<ArmPaths> arms = {{"base", {nanogpt("a.log", 2.25)}},
                                      {"mine", {nanogpt("b.log", 2.125)}}};
  EXPECT_THAT(
      error_of([&] { experiment_from_arms(arms); }),
      names("a.log", "seed", "flops_per_position", "positions_per_step", "bag_size", "validation"));
  std::vector<std::string> map = {
      "seed=3",          "flops_per_position=1e6", "positions_per_step=100",
      "base:bag_size=1", "mine:bag_size=4",        "validation=shakespeare"};
  EXPECT_THAT(error_of([&] { experiment_from_arms(arms, Mapping(map)); }),
              names("b.log", "switch_step"));
  map.emplace_back("mine:switch_step=10");
  const Analysis analysis = analyze(experiment_from_arms(arms, Mapping(map)));
  ASSERT_EQ(analysis.comparisons.size(), 1U);
  const GainOutcome& gain = analysis.comparisons[0].equal_flops;
  ASSERT_TRUE(gain.available);
  EXPECT_NEAR(gain.mean.gain, 0.125, 1e-12);
  EXPECT_DOUBLE_EQ(gain.mean.arm_flops, 2e9);
  EXPECT_DOUBLE_EQ(gain.mean.baseline_tokens, 2000);
  EXPECT_DOUBLE_EQ(gain.mean.arm_tokens, 5000);  // 10 steps of bags of 4, then 10 of tokens
}

TEST_F(Trainers, LossesOnAnotherTextAreNotCompared) {
  const std::vector<ArmPaths> arms = {{"base", {nanogpt("a.log", 2.25)}},
                                      {"mine", {nanogpt("b.log", 2.125)}}};
  const Mapping mapping({"seed=3", "flops_per_position=1e6", "positions_per_step=100", "bag_size=1",
                         "base:validation=shakespeare", "mine:validation=wikitext"});
  EXPECT_THAT(error_of([&] { analyze(experiment_from_arms(arms, mapping)); }),
              names("validation", "shakespeare", "wikitext"));
}

TEST_F(Trainers, AMappingThatDoesNotFitIsRefused) {
  const auto error = [](const std::string& text) {
    return error_of([&] { Mapping mapping({text}); });
  };
  EXPECT_THAT(error("los=x"), names("--map", "los", "loss"));
  EXPECT_THAT(error("seed"), names("--map", "KEY=VALUE", "seed"));
  EXPECT_THAT(error("seed=1.5"), names("--map", "seed", "1.5"));
  EXPECT_THAT(error("flops_per_position=-1"), names("flops_per_position", "> 0", "-1"));
  const auto path = nanogpt("train.log", 2.25);
  EXPECT_THAT(error_of([&] { experiment_of_run(path, Mapping({"loss=valid"})); }),
              names("train.log", "valid", "loss", "val loss"));
}

TEST_F(Trainers, EachRunOfAnArmHasItsSeed) {
  const Mapping mapping({"seed=1,2", "mine:seed=5"});
  EXPECT_EQ(mapping.find("base", "seed", 1), "2");
  EXPECT_EQ(mapping.find("base", "seed", 2), "");
  EXPECT_EQ(mapping.find("mine", "seed", 0), "5");
}

}  // namespace
}  // namespace superpose::report
