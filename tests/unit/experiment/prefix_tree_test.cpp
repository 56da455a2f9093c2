#include "experiment/prefix_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "recipes.h"

namespace superpose::experiment {
namespace {

using test::small_recipe;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Change = std::function<void(train::RunConfig&)>;

// Steps that small_recipe's superposed arm (100 steps, warm-up 10, decay from 80, switch at 30)
// shares with the same, changed.
std::int64_t shared_with(const Change& change) {
  Recipe recipe = small_recipe();
  const Arm arm = make_arms(recipe)[1];
  Arm changed = arm;
  change(changed.config);
  const auto plan = [](const Arm& of) {
    PlannedRun run;
    run.learning_rate = of.config.optim.learning_rate;
    run.total_steps = of.config.train.steps;
    run.phases = superposition::make_phases(of.config.phases, run.total_steps);
    run.seed = of.config.train.seed;
    return step_settings_of(run, of);
  };
  const std::int64_t steps = common_steps(plan(arm), plan(changed));
  EXPECT_EQ(common_steps(plan(changed), plan(arm)), steps);
  return steps;
}

TEST(PrefixTree, RunsShareWhatTheirPhasesHaveInCommon) {
  EXPECT_EQ(shared_with([](auto& c) { c.phases[0].share = 0.2; }), 20);
  EXPECT_EQ(shared_with([](auto& c) { c.phases[0].share = 0.5; }), 30);
  EXPECT_EQ(shared_with([](auto& c) { c.phases[0].bag_size = 4; }), 0);
  EXPECT_EQ(shared_with([](auto& c) { c.phases[0].target_size = 1; }), 0);
  EXPECT_EQ(shared_with([](auto& c) {
              c.phases[0].slot_weighting = superposition::SlotWeighting::kInverse;
            }),
            0);
  EXPECT_EQ(shared_with([](auto& c) { c.phases[0].weights = {{"books", "1.0"}}; }), 0);
  EXPECT_EQ(shared_with([](auto& c) { c.phases.push_back({.share = 0.1, .bag_size = 2}); }), 30);
}

// Lanes and the rows of a micro-batch depend on the longest window of a whole run.
TEST(PrefixTree, WhatAPhaseHandsOverCountsFromItsEnd) {
  using superposition::Handover;
  EXPECT_EQ(shared_with([](auto& c) { c.phases[0].handover = Handover::kWeights; }), 30);
  EXPECT_EQ(shared_with([](auto& c) { c.phases[0].batch_positions = 16; }), 0);
  EXPECT_EQ(
      shared_with([](auto& c) { c.phases[0].bag_order = superposition::BagOrder::kShuffled; }), 0);
}

TEST(PrefixTree, ALargerBagLaterOnIsNotShared) {
  EXPECT_EQ(shared_with([](auto& c) { c.phases.push_back({.share = 0.1, .bag_size = 8}); }), 0);
}

TEST(PrefixTree, RunsShareWhatTheirSchedulesHaveInCommon) {
  const auto longer = [](const Change& more) {
    return shared_with([&more](train::RunConfig& config) {
      config.phases[0] = {.share = 0.3, .bag_size = 6};
      more(config);
    });
  };
  EXPECT_EQ(longer([](auto&) {}), 100);
  EXPECT_EQ(longer([](auto& c) { c.optim.learning_rate = 0.002; }), 0);
  EXPECT_EQ(longer([](auto& c) { c.optim.warmup_steps = 9; }), 0);
  // The first step of a decay has the full rate. From 50, from 80.
  EXPECT_EQ(longer([](auto& c) { c.optim.decay_share = 0.5; }), 51);
  EXPECT_EQ(longer([](auto& c) { c.optim.decay_share = 0.1; }), 81);
  EXPECT_EQ(longer([](auto& c) { c.optim.schedule = optim::Schedule::kConstant; }), 81);
  EXPECT_EQ(longer([](auto& c) { c.optim.decay_shape = optim::DecayShape::kOneMinusSqrt; }), 81);
  EXPECT_EQ(longer([](auto& c) { c.optim.final_ratio = 0.1; }), 81);
  EXPECT_EQ(longer([](auto& c) { c.optim.schedule = optim::Schedule::kCosine; }), 10);
  // 20 steps of decay in both.
  EXPECT_EQ(longer([](auto& c) { c.optim.decay_share = 0.2 + 1e-12; }), 100);
}

TEST(PrefixTree, AnyOtherSettingSeparatesRuns) {
  EXPECT_EQ(shared_with([](auto& c) { c.train.seed = 2; }), 0);
  EXPECT_EQ(shared_with([](auto& c) { c.optim.beta2 = 0.99; }), 0);
  EXPECT_EQ(shared_with([](auto& c) { c.model.hidden_size = 32; }), 0);
  EXPECT_EQ(shared_with([](auto& c) { c.evaluation.every = 7; }), 0) << "operational ones, too";
  EXPECT_EQ(shared_with([](auto& c) { c.train.threads = 7; }), 0);
  EXPECT_EQ(shared_with([](auto& c) { c.run.dir = "elsewhere"; }), 100) << "but for the folder";
}

constexpr const char* kShares = R"(
[[compare.arms]]
name = "baseline"
overrides = { phases = [] }
[[compare.arms]]
name = "long"
overrides = { "phases[0].share" = 0.5 }
[[compare.arms]]
name = "middle"
[[compare.arms]]
name = "short"
overrides = { "phases[0].share" = 0.2 }
)";

// long -> middle (30) -> the same with an early decay (51); long -> short (20).
class Trees : public ::testing::Test {
 protected:
  Recipe recipe_ = small_recipe(std::string(kShares) +
                                "[[compare.arms]]\nname = \"early\"\noverrides = { "
                                "\"optim.decay_share\" = 0.5 }\n");
  std::vector<Arm> arms_ = make_arms(recipe_);
  std::vector<PlannedRun> runs_ = plan_runs(arms_, recipe_.compare, {});
};

TEST_F(Trees, ABranchMayBeAParent) {
  EXPECT_EQ(runs_[0].parent, "");
  EXPECT_EQ(runs_[1].parent, "");
  EXPECT_EQ(runs_[2].parent, "long-seed-1");
  EXPECT_EQ(runs_[2].first_step, 30);
  EXPECT_EQ(runs_[3].parent, "long-seed-1") << "the first of those that share 20 steps";
  EXPECT_EQ(runs_[3].first_step, 20);
  EXPECT_EQ(runs_[4].parent, "middle-seed-1");
  EXPECT_EQ(runs_[4].first_step, 51);
  EXPECT_EQ(runs_[4].role, report::Role::kBranch);
  EXPECT_THAT(runs_[1].pinned_steps, ElementsAre(20, 30));
  EXPECT_THAT(runs_[2].pinned_steps, ElementsAre(51));
  EXPECT_THAT(runs_[4].pinned_steps, IsEmpty());
}

TEST_F(Trees, AreDrawnFromTheirRoots) {
  std::swap(runs_[3], runs_[4]);  // short comes last
  std::vector<std::string> drawn;
  for (const TreePlace& place : tree_order(runs_)) {
    drawn.push_back(std::string(static_cast<std::size_t>(place.depth), '>') +
                    runs_[place.run].folder);
  }
  EXPECT_THAT(drawn, ElementsAre("baseline-seed-1", "long-seed-1", ">middle-seed-1",
                                 ">>early-seed-1", ">short-seed-1"));
  // Without its trunk a branch stands for itself.
  const std::vector<PlannedRun> two = {runs_[0], runs_[2]};
  EXPECT_EQ(tree_order(two)[1].depth, 0);
}

TEST_F(Trees, RunsBranchWhereACheckpointIs) {
  const auto begins = [this](const UsableStep& usable) {
    choose_parents(
        runs_, arms_, [](const PlannedRun&) { return false; }, usable);
    std::vector<std::string> texts;
    for (const PlannedRun& run : runs_) {
      texts.push_back(run.parent + " " + std::to_string(run.first_step));
    }
    return texts;
  };
  // long is done and kept its checkpoints 15 and 100.
  EXPECT_THAT(begins([](const PlannedRun& parent, std::int64_t step) {
                return parent.folder == "long-seed-1" ? 15 : step;
              }),
              ElementsAre(" 0", " 0", "long-seed-1 15", "middle-seed-1 20", "middle-seed-1 51"));
  EXPECT_THAT(begins([](const PlannedRun&, std::int64_t) { return 0; }),
              ElementsAre(" 0", " 0", " 0", " 0", " 0"));
  EXPECT_EQ(runs_[2].role, report::Role::kFinal);
}

TEST_F(Trees, RunsThatAreFixedStayAsTheyAre) {
  runs_[2].parent = "";
  runs_[2].first_step = 0;
  choose_parents(
      runs_, arms_, [](const PlannedRun& run) { return run.folder == "middle-seed-1"; },
      [](const PlannedRun&, std::int64_t step) { return step; });
  EXPECT_EQ(runs_[2].parent, "");
  EXPECT_EQ(runs_[4].parent, "middle-seed-1");
  EXPECT_THAT(runs_[1].pinned_steps, ElementsAre(20));
}

TEST(PrefixTree, PointsOfAGridShareStepsAcrossArms) {
  const Recipe recipe =
      small_recipe(std::string("[compare]\nlearning_rates = [0.1, 0.2]\n") + kShares);
  const std::vector<Arm> arms = make_arms(recipe);
  const std::vector<PlannedRun> open = plan_runs(arms, recipe.compare, {});
  EXPECT_EQ(open[4].folder, "middle-seed-0-rate-0.1");
  EXPECT_EQ(open[4].parent, "long-seed-0-rate-0.1");
  EXPECT_EQ(open[4].first_step, 30);
  EXPECT_EQ(open[4].role, report::Role::kTuning);
  // Arms whose rates are not known share nothing yet.
  EXPECT_EQ(open[10].folder, "middle-seed-1-rate-best");
  EXPECT_EQ(open[10].parent, "");
  const std::vector<PlannedRun> known = plan_runs(arms, recipe.compare, {0.1, 0.2, 0.2, 0.1});
  EXPECT_EQ(known[10].parent, "long-seed-1-rate-0.2");
  EXPECT_EQ(known[11].parent, "") << "its rate is another one";
}

}  // namespace
}  // namespace superpose::experiment
