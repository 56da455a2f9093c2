// Each rule on both sides of its limit, by key and numbers; not by its sentence.
#include "train/plan_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "optim/schedule.h"

namespace superpose::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

// A plan of 10,000 steps, the first 3,000 superposed, that nothing is wrong with.
Plan good_plan() {
  Plan plan;
  plan.run_folder = "runs/test";
  plan.phases = {{.first_step = 0, .num_steps = 3000, .bags = {6, 6}},
                 {.first_step = 3000, .num_steps = 7000}};
  plan.total_steps = 10'000;
  plan.last_step = 10'000;
  plan.threads = 4;
  plan.cores.allowed = 4;
  plan.warmup_steps = 100;
  plan.decay_steps = 2000;
  plan.end_rate_share = 0.0005;
  plan.final_rate_share = 0.0005;
  plan.switch_step = 3000;
  plan.recovery_steps = 7000;
  plan.epochs = 1;
  plan.memory = {.program = kGiB,
                 .state = 4 * kGiB,
                 .activations = 2 * kGiB,
                 .gaps = kGiB,
                 .batches = kGiB,
                 .corpus = 100 * kGiB};
  plan.machine_memory = {.bytes = 16 * kGiB};
  plan.disk = {
      .checkpoint_bytes = 1000, .checkpoints = {2, 3}, .there = 0, .free_bytes = 1'000'000};
  return plan;
}

struct Row {
  const char* what;
  std::function<void(Plan&)> change;
  std::vector<Check> warnings;
  std::vector<Check> errors = {};
};

void expect_row(const Row& row) {
  Plan plan = good_plan();
  row.change(plan);
  std::vector<Check> warnings;
  std::vector<Check> errors;
  for (const Finding& finding : check_plan(plan)) {
    (finding.severity == Severity::kError ? errors : warnings).push_back(finding.check);
    EXPECT_EQ(finding.text.find('\n'), std::string::npos) << row.what;
  }
  EXPECT_EQ(warnings, row.warnings) << row.what;
  EXPECT_EQ(errors, row.errors) << row.what;
}

void expect_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) expect_row(row);
}

TEST(PlanChecks, NothingIsWrongWithAGoodPlan) { EXPECT_THAT(check_plan(good_plan()), IsEmpty()); }

TEST(PlanChecks, ThreadsAndCores) {
  const auto ranks = [](std::int64_t count, std::int64_t threads) {
    return [count, threads](Plan& p) {
      p.local_ranks = count;
      p.threads = threads;
      p.machine_memory = {};
    };
  };
  expect_rows({
      {"as many as cores", ranks(1, 4), {}},
      {"one more", ranks(1, 5), {Check::kThreads}},
      {"a quota rounded up", [](Plan& p) { p.cores.quota = 3.1; }, {}},
      {"a smaller quota", [](Plan& p) { p.cores.quota = 3; }, {Check::kThreads}},
      {"ranks share", ranks(2, 2), {}},
      {"ranks share too little", ranks(3, 2), {Check::kThreads}},
      {"more ranks than cores", ranks(5, 1), {Check::kThreads}},
      {"ranks elsewhere", [](Plan& p) { p.world_size = 64; }, {}},
  });
}

TEST(PlanChecks, MemoryOfMachineAndGroup) {
  // 6 GiB in tensors, 9 GiB in all but the corpus.
  const auto bytes = [](std::int64_t count) {
    return [count](Plan& p) { p.machine_memory.bytes = count; };
  };
  expect_rows({
      {"all fits", bytes(9 * kGiB), {}},
      {"the estimate does not", bytes(9 * kGiB - 1), {Check::kMemory}},
      {"the tensors fit", bytes(6 * kGiB), {Check::kMemory}},
      {"the tensors do not", bytes(6 * kGiB - 1), {}, {Check::kMemory}},
      {"they do with swap",
       [](Plan& p) { p.machine_memory = {.bytes = 5 * kGiB, .swap_bytes = kGiB}; },
       {Check::kMemory}},
      {"or not",
       [](Plan& p) { p.machine_memory = {.bytes = 5 * kGiB, .swap_bytes = kGiB - 1}; },
       {},
       {Check::kMemory}},
      {"two ranks here", [](Plan& p) { p.local_ranks = 2, p.threads = 2; }, {Check::kMemory}},
      {"three ranks here", [](Plan& p) { p.local_ranks = 3, p.threads = 1; }, {}, {Check::kMemory}},
      {"a GPU has its own",
       [](Plan& p) { p.machine_memory.bytes = 1, p.on_cuda = true; },
       {Check::kDevice}},
      {"unknown", bytes(0), {}},
  });
}

TEST(PlanChecks, Disk) {
  const auto free = [](std::int64_t count) {
    return [count](Plan& p) { p.disk.free_bytes = count; };
  };
  expect_rows({
      {"all fit", free(3000), {}},
      {"not all", free(2999), {Check::kCheckpoints}},
      {"one fits", free(1000), {Check::kCheckpoints}},
      {"not even one", free(999), {}, {Check::kFirstCheckpoint}},
      {"some are there", [](Plan& p) { p.disk.free_bytes = 1000, p.disk.there = 2; }, {}},
      {"nothing left to write", [](Plan& p) { p.disk.free_bytes = 0, p.first_step = 10'000; }, {}},
  });
}

TEST(PlanChecks, LearningRate) {
  expect_rows({
      {"the peak is reached", [](Plan& p) { p.highest_rate_share = 1; }, {}},
      {"it is not", [](Plan& p) { p.highest_rate_share = 0.999; }, {Check::kWarmup}},
  });
}

// The whole way from a recipe's numbers: the warm-up against the run and its decay.
TEST(PlanChecks, WarmupsOfEverySchedule) {
  using optim::Schedule;
  struct Case {
    Schedule schedule;
    std::int64_t warmup, steps;
    bool is_warned;
  };
  // wsd: the decay of 40 steps begins after 32, with the 33rd still at the full rate.
  for (const Case& one :
       {Case{Schedule::kWarmupStableDecay, 60, 40, true},
        Case{Schedule::kWarmupStableDecay, 35, 40, true},
        Case{Schedule::kWarmupStableDecay, 34, 40, true},
        Case{Schedule::kWarmupStableDecay, 33, 40, false},
        Case{Schedule::kWarmupStableDecay, 0, 40, false}, Case{Schedule::kCosine, 41, 40, true},
        Case{Schedule::kCosine, 40, 40, false}, Case{Schedule::kConstant, 41, 40, true},
        Case{Schedule::kConstant, 40, 40, false}}) {
    optim::OptimConfig config;
    config.schedule = one.schedule;
    config.warmup_steps = one.warmup;
    Plan plan = good_plan();
    plan.highest_rate_share = optim::highest_rate_share(config, one.steps);
    EXPECT_THAT(check_plan(plan), SizeIs(one.is_warned ? 1 : 0))
        << static_cast<int>(one.schedule) << ' ' << one.warmup;
  }
}

TEST(PlanChecks, TheWarmupsNumbersAreNamed) {
  Plan plan = good_plan();
  plan.total_steps = plan.last_step = 40;
  plan.phases = {{.first_step = 0, .num_steps = 40}};
  plan.switch_step.reset();
  plan.warmup_steps = 60;
  plan.decay_steps = 8;
  plan.highest_rate_share = 0.524;
  const std::vector<Finding> findings = check_plan(plan);
  ASSERT_THAT(findings, SizeIs(1));
  for (const char* part : {"optim.warmup_steps", "60", "40", "52.4 %"}) {
    EXPECT_THAT(findings[0].text, HasSubstr(part));
  }
}

TEST(PlanChecks, Switch) {
  expect_rows({
      {"enough follows", [](Plan& p) { p.recovery_steps = kRecoverySteps; }, {}},
      {"too little", [](Plan& p) { p.recovery_steps = kRecoverySteps - 1; }, {Check::kRecovery}},
      {"in the decay", [](Plan& p) { p.switch_part = SchedulePart::kDecay; }, {Check::kRecovery}},
      {"a cosine has no other part",
       [](Plan& p) { p.switch_part = SchedulePart::kDecay, p.decay_steps = 0; },
       {}},
      {"no switch", [](Plan& p) { p.switch_step.reset(), p.recovery_steps = 0; }, {}},
  });
}

TEST(PlanChecks, EndOfTheData) {
  const auto ends = [](std::int64_t step, double rate) {
    return [step, rate](Plan& p) {
      p.last_step = step;
      p.stops_with_data = true;
      p.end_rate_share = rate;
    };
  };
  expect_rows({
      {"inside superposition", ends(3000, 1), {Check::kSuperposedEnd, Check::kUndecayedEnd}},
      {"just behind it", ends(3001, 1), {Check::kUndecayedEnd}},
      {"within the decay", ends(9000, 0.5), {Check::kUndecayedEnd}},
      {"at a constant rate",
       [](Plan& p) {
         p.last_step = 9000, p.stops_with_data = true;
         p.decay_steps = 0, p.end_rate_share = p.final_rate_share = 1;
       },
       {}},
      {"a stop for branches is no end",
       [](Plan& p) { p.last_step = 2000, p.end_rate_share = 1; },
       {}},
      {"superposed to the end",
       [](Plan& p) { p.phases.pop_back(), p.phases[0].num_steps = 10'000, p.switch_step.reset(); },
       {Check::kSuperposedEnd}},
  });
  Plan plan = good_plan();
  ends(3000, 1)(plan);
  plan.findings = check_plan(plan);
  EXPECT_THAT(end_remarks(plan), SizeIs(2));
  EXPECT_THAT(end_remarks(good_plan()), IsEmpty());
}

TEST(PlanChecks, Epochs) {
  const auto source = [](const char* name, double epochs) {
    data::SourceUsage reading;
    reading.name = name;
    reading.phases = {{.epochs = 0.5}, {.epochs = epochs}};
    return reading;
  };
  expect_rows({
      {"four", [](Plan& p) { p.epochs = 4; }, {}},
      {"more", [](Plan& p) { p.epochs = 4.1; }, {Check::kEpochs}},
      {"of one source",
       [&](Plan& p) {
         p.epochs = 2, p.sources = {source("books", 4.1), source("web", 4)};
       },
       {Check::kEpochs}},
      {"of both",
       [&](Plan& p) {
         p.sources = {source("books", 5), source("web", 6)};
       },
       {Check::kEpochs, Check::kEpochs}},
  });
}

TEST(PlanChecks, DeviceAndStart) {
  expect_rows({
      {"bf16 by hand", [](Plan& p) { p.emulates_bf16 = true; }, {Check::kPrecision}},
      {"what the start found",
       [](Plan& p) { p.start_warnings = {"checkpoint x refused: y"}; },
       {Check::kStart}},
      {"what the tokenizer adds",
       [](Plan& p) { p.untrained_tokens = {"begins with <|begin|>"}; },
       {Check::kTokenizer}},
      {"a source without held-out text",
       [](Plan& p) {
         p.holds_out = true;
         p.corpora.resize(2);
         p.corpora.front().held_out_documents = 1;
       },
       {Check::kHeldOut}},
      {"sets of their own",
       [](Plan& p) {
         p.holds_out = false;
         p.corpora.resize(1);
       },
       {}},
  });
}

TEST(PlanChecks, ErrorsAreOneLine) {
  Plan plan = good_plan();
  EXPECT_EQ(errors_of(check_plan(plan)), "");
  plan.threads = 9;
  EXPECT_EQ(errors_of(check_plan(plan)), "") << "a warning";
  plan.disk.free_bytes = 0;
  plan.machine_memory.bytes = 1;
  const std::string text = errors_of(check_plan(plan));
  EXPECT_THAT(text, HasSubstr("disk: "));
  EXPECT_THAT(text, HasSubstr("memory: "));
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace superpose::train
