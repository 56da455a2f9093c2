#include "train/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>

#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "support/tiny_run.h"
#include "train/plan_text.h"
#include "train/run.h"
#include "train/setup.h"
#include "util/error.h"
#include "util/resources.h"

namespace superpose::train {
namespace {

using test::names;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() { test::write_tiny_corpus(folder_.path()); }

  RunConfig config() const { return test::tiny_config(folder_.path(), "run"); }
  static Plan plan(const RunConfig& config, Timing timing = Timing::kNone) {
    distributed::LocalCollective collective;
    return plan_run(test::make_spec(config), collective, timing);
  }
  static std::vector<Check> checks(const RunConfig& config) {
    std::vector<Check> found;
    for (const Finding& finding : plan(config).findings) found.push_back(finding.check);
    return found;
  }

  test::TempDir folder_;
};

TEST_F(PlanTest, CountsTokensOfAllPhases) {
  RunConfig recipe = config();
  recipe.train.steps = 4000;
  const Plan result = plan(recipe);
  // 1,200 steps of 128 x 3 tokens, 2,800 of 128.
  EXPECT_EQ(result.raw_tokens_needed, 1200 * 384 + 2800 * 128);
  EXPECT_EQ(result.switch_step, 1200);
  EXPECT_EQ(result.recovery_steps, 2800);
  EXPECT_EQ(result.switch_part, SchedulePart::kStable);
  EXPECT_EQ(result.switch_rate_share, 1);
  EXPECT_EQ(result.decay_steps, 800);
  EXPECT_DOUBLE_EQ(result.total_flops, result.flops_per_position * 4000 * 128);
  EXPECT_EQ(result.flops_left, result.total_flops);
  EXPECT_FALSE(result.speed);
  // Each lane reads its part of the corpus and starts over.
  EXPECT_NEAR(result.epochs,
              static_cast<double>(result.raw_tokens_needed) /
                  static_cast<double>(result.raw_tokens_at_hand),
              0.05);
  ASSERT_TRUE(result.first_epoch_ends_at);
  EXPECT_NEAR(static_cast<double>(*result.first_epoch_ends_at),
              static_cast<double>(result.raw_tokens_at_hand) / 384, 3.0);
  EXPECT_FALSE(std::filesystem::exists(recipe.run.dir)) << "a plan writes nothing";
}

TEST_F(PlanTest, FindsWhatIsWrong) {
  EXPECT_THAT(checks(config()), ElementsAre(Check::kRecovery));
  RunConfig recipe = config();
  recipe.phases.clear();
  EXPECT_THAT(checks(recipe), IsEmpty()) << "a short baseline";

  recipe = config();
  recipe.phases[0].share = 1.0;
  EXPECT_FALSE(plan(recipe).switch_step);
  EXPECT_THAT(checks(recipe), ElementsAre(Check::kSuperposedEnd));

  recipe = config();
  recipe.train.steps = 10'000;
  recipe.optim.decay_share = 0.8;
  EXPECT_EQ(plan(recipe).switch_part, SchedulePart::kDecay);
  EXPECT_LT(plan(recipe).switch_rate_share, 1);
  EXPECT_THAT(checks(recipe), ElementsAre(Check::kRecovery, Check::kEpochs));

  recipe = config();
  recipe.phases.clear();
  recipe.optim.warmup_steps = 18;
  recipe.train.threads = util::available_cores() + 1;
  EXPECT_THAT(checks(recipe), ElementsAre(Check::kThreads, Check::kWarmup));
}

TEST_F(PlanTest, ARunThatCannotWorkIsNotBegun) {
  RunConfig recipe = config();
  recipe.model.hidden_size = 32'768;
  recipe.model.num_layers = 2'000;
  recipe.model.num_heads = 256;
  recipe.model.ffn_size = 131'072;
  const Plan result = plan(recipe);
  for (const Check check : {Check::kMemory, Check::kFirstCheckpoint}) {
    EXPECT_THAT(result.findings, Contains(AllOf(Field(&Finding::check, check),
                                                Field(&Finding::severity, Severity::kError))));
  }
  EXPECT_THAT(test::error_of([&] { test::run_alone(recipe); }), HasSubstr("memory: "));
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(recipe.run.dir) / "metrics.jsonl"));
  // Nor is its speed measured.
  EXPECT_EQ(plan(recipe, Timing::kMeasured).speed->source, Speed::Source::kProducts);
}

TEST_F(PlanTest, TimeComesFromStepsThatLeaveNothing) {
  RunConfig recipe = config();
  const Plan measured = plan(recipe, Timing::kMeasured);
  ASSERT_TRUE(measured.speed);
  EXPECT_EQ(measured.speed->source, Speed::Source::kSteps);
  EXPECT_GT(measured.speed->flops_per_second, 1e3);
  EXPECT_LT(measured.speed->flops_per_second, 1e16);
  EXPECT_FALSE(std::filesystem::exists(recipe.run.dir)) << "a plan writes nothing";
  std::ostringstream out;
  print_plan(out, measured);
  EXPECT_THAT(out.str(), HasSubstr(describe(Speed::Source::kSteps)));

  test::run_alone(recipe);
  const Plan done = plan(recipe, Timing::kMeasured);
  EXPECT_EQ(done.flops_left, 0);
  EXPECT_EQ(done.speed->source, Speed::Source::kProducts) << "no step is left to be measured";
}

TEST_F(PlanTest, PrintsWhatTheRunWillDo) {
  RunConfig recipe = config();
  recipe.train.steps = 4000;
  std::ostringstream out;
  print_plan(out, plan(recipe));
  for (const char* part :
       {"phase 1    1,200 steps from 0", "bags of 3", "3 targets",
        "phase 2    2,800 steps from 1,200", "after 1,200 steps (30 %)", "2,800 steps follow",
        "1.60 times", "r = 0.30", "s = 3", "available", "epoch ends", "held out", "memory", "disk",
        "FLOP", "last 800", "3,200"}) {
    EXPECT_THAT(out.str(), HasSubstr(part));
  }
}

TEST_F(PlanTest, TellsAndCountsAnObjective) {
  RunConfig recipe = config();
  const Plan usual = plan(recipe);
  recipe.phases[0].objective = superposition::Objective::kSetSum;
  const Plan changed = plan(recipe);
  EXPECT_EQ(changed.total_flops, usual.total_flops);
  // One more block of logits.
  const std::int64_t rows = changed.micro_batch * changed.sequence_length;
  EXPECT_EQ(changed.memory.activations - usual.memory.activations, 4 * rows * 320);
  std::ostringstream out;
  print_plan(out, changed);
  EXPECT_THAT(out.str(), HasSubstr("bags of 3 in, 3 targets out, objective set_sum\n"));
  EXPECT_THAT(out.str(), HasSubstr("next-token prediction (NTP)\n"));
}

TEST_F(PlanTest, ImpossibleRunsAreRefused) {
  RunConfig recipe = config();
  recipe.model.max_positions = 8;
  EXPECT_THROW(plan(recipe), util::Error);
  recipe = config();
  recipe.train.device = DeviceChoice::kCuda;
  EXPECT_THROW(plan(recipe), util::Error);
  recipe = config();
  recipe.train.sequence_length = 2000;
  recipe.train.batch_positions = 2000;
  recipe.phases[0].bag_size = 40;  // 80,000 tokens per row, more than the corpus
  EXPECT_THROW(plan(recipe), util::Error);
}

TEST_F(PlanTest, MicroBatchIsChosenByAFixedLimit) {
  RunConfig recipe = config();
  model::ModelConfig model = model::resolve(recipe.model, 320);
  const auto phases = superposition::make_phases(recipe.phases, recipe.train.steps);
  EXPECT_EQ(choose_micro_batch(recipe, model, Precision::kF32, phases, 1), 8)
      << "all rows of a small step";
  EXPECT_EQ(choose_micro_batch(recipe, model, Precision::kF32, phases, 2), 4)
      << "all rows of a rank";
  recipe.train.batch_positions = std::int64_t{16} << 20;
  const std::int64_t rows = choose_micro_batch(recipe, model, Precision::kF32, phases, 1);
  EXPECT_GT(rows, 8);
  EXPECT_LT(rows, recipe.train.rows_per_step());
  recipe.train.micro_batch = 5;
  EXPECT_EQ(choose_micro_batch(recipe, model, Precision::kF32, phases, 1), 5);
}

// As patch training: a third of the positions in bags of three.
TEST_F(PlanTest, CountsTheWorkOfStepsOfAPhasesOwnSize) {
  RunConfig recipe = config();
  const Plan usual = plan(recipe);
  EXPECT_EQ(usual.mean_flops_per_position, usual.flops_per_position);
  const std::int64_t positions = recipe.train.batch_positions;
  recipe.phases[0].sequence_length = recipe.train.sequence_length / 4;
  recipe.phases[0].batch_positions = positions / 4;
  const Plan patch = plan(recipe);
  const double share =
      static_cast<double>(patch.phases[0].num_steps) / static_cast<double>(patch.total_steps);
  EXPECT_EQ(
      patch.raw_tokens_needed,
      superposition::raw_tokens_before(patch.phases, patch.total_steps, recipe.train.step_size()));
  EXPECT_LT(patch.raw_tokens_needed, usual.raw_tokens_needed);
  // Attention within shorter rows is cheaper, too.
  EXPECT_LT(patch.total_flops, usual.total_flops * (1 - 0.75 * share));
  EXPECT_GT(patch.total_flops, usual.total_flops * (1 - share));
  EXPECT_LT(patch.mean_flops_per_position, usual.flops_per_position);
  EXPECT_NEAR(patch.mean_flops_per_position *
                  static_cast<double>(superposition::positions_before(
                      patch.phases, patch.total_steps, recipe.train.step_size())),
              patch.total_flops, 1e-9 * patch.total_flops);
}

TEST_F(PlanTest, RefusesStepsThatRowsDoNotFill) {
  RunConfig recipe = config();
  recipe.phases[0].sequence_length = recipe.train.sequence_length - 1;
  EXPECT_THROW(recipe.validate(), util::Error);
  recipe = config();
  recipe.data.document_aware = true;
  recipe.phases[0].bag_order = superposition::BagOrder::kShuffled;
  EXPECT_THROW(recipe.validate(), util::Error);
}

TEST(Precision, AutoIsBf16WhereTheDeviceMultipliesIt) {
  Machine machine;
  for (const Precision named : {Precision::kF32, Precision::kBf16}) {
    EXPECT_EQ(choose_precision(named, at::kCPU, machine), named);
  }
  EXPECT_EQ(choose_precision(Precision::kAuto, at::kCPU, machine), Precision::kF32);
  EXPECT_EQ(choose_precision(Precision::kAuto, at::kCUDA, machine), Precision::kBf16);
  machine.bf16 = "amx_bf16";
  EXPECT_EQ(choose_precision(Precision::kAuto, at::kCPU, machine), Precision::kBf16);
}

TEST_F(PlanTest, SaysWhichPrecisionWasChosenAndWhy) {
  RunConfig recipe = config();
  recipe.train.precision = Precision::kAuto;
  const auto printed = [&] {
    std::ostringstream out;
    print_plan(out, plan(recipe));
    return out.str();
  };
  EXPECT_THAT(printed(), names("f32", "auto", "bf16"));
  recipe.train.precision = Precision::kBf16;
  EXPECT_THAT(checks(recipe), Contains(Check::kPrecision));
}

TEST(RecipeFingerprint, KnowsTheExperimentAlone) {
  std::vector<util::Setting> settings = {
      {"train.steps", "20", false}, {"train.seed", "1", false}, {"log.every", "5", true}};
  const std::string before = recipe_fingerprint(settings);
  settings[1].value = "2";
  settings[2].value = "7";
  EXPECT_EQ(recipe_fingerprint(settings), before);
  settings[0].value = "21";
  EXPECT_NE(recipe_fingerprint(settings), before);
}

}  // namespace
}  // namespace superpose::train
