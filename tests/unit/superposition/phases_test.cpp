#include "superposition/phases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/error_of.h"
#include "support/names.h"
#include "util/error.h"

namespace superpose::superposition {
namespace {

using test::names;
using ::testing::HasSubstr;

const std::vector<PhaseConfig> kDefaultRecipe = {{.share = 0.3, .bag_size = 6}};

std::string error_of(const std::vector<PhaseConfig>& configs, std::int64_t total = 100) {
  return test::error_of([&] { make_phases(configs, total); });
}

TEST(Phases, DefaultRecipeIsSuperpositionThenNextTokenPrediction) {
  const std::vector<Phase> phases = make_phases(kDefaultRecipe, 1000);
  ASSERT_EQ(phases.size(), 2u);
  EXPECT_EQ(phases[0], (Phase{.first_step = 0,
                              .num_steps = 300,
                              .bags = {6, 6},
                              .slot_weights = make_slot_weights(SlotWeighting::kUniform, 6)}));
  EXPECT_EQ(phases[1], (Phase{.first_step = 300, .num_steps = 700}));
  EXPECT_FALSE(phases[0].bags.is_ntp());
  EXPECT_TRUE(phases[1].bags.is_ntp());
}

TEST(Phases, NoEntryIsNextTokenPredictionThroughout) {
  EXPECT_EQ(make_phases({}, 7), (std::vector<Phase>{{.first_step = 0, .num_steps = 7}}));
}

TEST(Phases, OneShareIsTheFloorOfTheProduct) {
  for (std::int64_t total = 1; total <= 1000; ++total) {
    for (int percent = 0; percent <= 100; percent += 5) {
      // Whole numbers say what 0.3 * 10 means; doubles alone would sometimes give one step less.
      const std::int64_t expected = total * percent / 100;
      const std::vector<Phase> phases =
          make_phases(std::vector<PhaseConfig>{{.share = percent / 100.0, .bag_size = 2}}, total);
      const std::int64_t got = phases.front().bags.bag_size == 2 ? phases.front().num_steps : 0;
      ASSERT_EQ(got, expected) << percent << " % of " << total;
    }
  }
}

TEST(Phases, CoverTheRunWithoutGapForMixedLists) {
  for (std::int64_t total = 20; total <= 300; total += 7) {
    const std::vector<PhaseConfig> configs = {{.steps = 3, .bag_size = 8},
                                              {.share = 0.21, .bag_size = 4},
                                              {.share = 0.21, .bag_size = 2, .target_size = 3},
                                              {.steps = 5, .bag_size = 1, .target_size = 4}};
    const std::vector<Phase> phases = make_phases(configs, total);
    std::int64_t next = 0;
    for (const Phase& phase : phases) {
      EXPECT_EQ(phase.first_step, next);
      EXPECT_GT(phase.num_steps, 0);
      EXPECT_EQ(phase.slot_weights.size(), static_cast<std::size_t>(phase.bags.target_size));
      next = phase.end_step();
    }
    EXPECT_EQ(next, total);
  }
}

TEST(Phases, SharesThatAddUpToOneLeaveNothing) {
  const std::vector<PhaseConfig> thirds(3, {.share = 1.0 / 3, .bag_size = 2});
  for (std::int64_t total = 3; total < 200; ++total) {
    EXPECT_EQ(make_phases(thirds, total).back().bags.bag_size, 2) << total;
  }
}

TEST(Phases, EntriesOfLengthZeroAreDropped) {
  const std::vector<Phase> phases = make_phases(
      std::vector<PhaseConfig>{{.share = 0.0, .bag_size = 6}, {.steps = 0, .bag_size = 3}}, 10);
  EXPECT_EQ(phases, (std::vector<Phase>{{.first_step = 0, .num_steps = 10}}));
}

TEST(Phases, TargetSizeDefaultsToBagSize) {
  const std::vector<PhaseConfig> configs = {{.steps = 1, .bag_size = 4},
                                            {.steps = 1, .bag_size = 4, .target_size = 1},
                                            {.steps = 1, .bag_size = 1, .target_size = 4}};
  const std::vector<Phase> phases = make_phases(configs, 4);
  EXPECT_EQ(phases[0].bags.target_size, 4);
  EXPECT_EQ(phases[1].bags.target_size, 1);
  EXPECT_EQ(phases[2].bags.target_size, 4);
  EXPECT_FALSE(phases[1].bags.is_ntp());
  EXPECT_FALSE(phases[2].bags.is_ntp());
}

TEST(Phases, ErrorsNameEntryAndKey) {
  const double nan = std::nan("");
  EXPECT_THAT(error_of({{.bag_size = 2}}), names("phases[0].share", "share or steps"));
  EXPECT_THAT(error_of({{.share = 0.1, .steps = 1}}), HasSubstr("got both"));
  EXPECT_THAT(error_of({{.share = 0.1}, {.share = -0.1}}),
              names("phases[1].share", "[0, 1]", "-0.1"));
  EXPECT_THAT(error_of({{.share = 1.1}}), names("phases[0].share", "[0, 1]", "1.1"));
  EXPECT_THAT(error_of({{.share = nan}}), names("phases[0].share", "[0, 1]", "nan"));
  EXPECT_THAT(error_of({{.steps = -1}}), names("phases[0].steps", ">= 0", "-1"));
  EXPECT_THAT(error_of({{.steps = 1, .bag_size = 0}}), names("phases[0].bag_size", "0"));
  EXPECT_THAT(error_of({{.steps = 1, .target_size = 0}}), names("phases[0].target_size", "0"));
  EXPECT_THAT(error_of({{.steps = 1,
                         .bag_size = 2,
                         .slot_weighting = SlotWeighting::kExplicit,
                         .slot_weights = {1.0}}}),
              names("phases[0].slot_weights", "target_size", "2", "1"));
  EXPECT_THAT(error_of({}, 0), names("train.steps", ">= 1", "0"));
}

TEST(Phases, ObjectiveIsThatOfTheEntryAndMultiHotAfterwards) {
  const std::vector<PhaseConfig> configs = {
      {.steps = 2, .bag_size = 4, .objective = Objective::kSetSum}};
  const std::vector<Phase> phases = make_phases(configs, 5);
  EXPECT_EQ(phases[0].objective, Objective::kSetSum);
  EXPECT_EQ(phases[1].objective, Objective::kMultiHot);
}

TEST(Phases, SetSumRefusesSlotWeights) {
  PhaseConfig config{.steps = 1, .bag_size = 2, .objective = Objective::kSetSum};
  EXPECT_EQ(error_of({config}), "");
  config.slot_weighting = SlotWeighting::kInverse;
  EXPECT_THAT(error_of({config}), names("phases[0].slot_weighting", "set_sum", "inverse"));
  config.slot_weighting = SlotWeighting::kExplicit;
  config.slot_weights = {0.5, 0.5};
  EXPECT_THAT(error_of({config}), names("phases[0].slot_weights", "set_sum", "2"));
}

TEST(Phases, WeightsOfSourcesAreNumbers) {
  const auto phases = make_phases(
      std::vector<PhaseConfig>{{.steps = 4, .weights = {{"books", "0.25"}, {"web", "3"}}}}, 10);
  EXPECT_EQ(phases[0].weights, (std::map<std::string, double>{{"books", 0.25}, {"web", 3}}));
  EXPECT_TRUE(phases[1].weights.empty()) << "the rest of the run has the sources' own";
  EXPECT_THAT(error_of({{.steps = 1, .weights = {{"web", "-1"}}}}),
              names("phases[0].weights", "web", ">= 0", "-1"));
  EXPECT_THAT(error_of({{.steps = 1, .weights = {{"web", "inf"}}}}), HasSubstr("got inf"));
  EXPECT_THAT(error_of({{.steps = 1, .weights = {{"web", "true"}}}}), HasSubstr("got true"));
  EXPECT_THAT(error_of({{.steps = 1, .weights = {{"web", "1 2"}}}}), HasSubstr("got 1 2"));
  EXPECT_THAT(error_of({{.steps = 1, .weights = {{"web", "0"}, {"books", "0"}}}}),
              names("phases[0].weights", "> 0"));
}

TEST(Phases, ListThatIsLongerThanTheRunIsAnError) {
  EXPECT_THAT(error_of({{.share = 0.6}, {.share = 0.6}}), names("phases[1]", "120"));
  EXPECT_THAT(error_of({{.steps = 101}}), names("phases[0]", "101"));
  EXPECT_THAT(error_of({{.steps = std::numeric_limits<std::int64_t>::max()},
                        {.steps = std::numeric_limits<std::int64_t>::max()}}),
              names("phases[0]", "9223372036854775808", "train.steps"));
  EXPECT_EQ(error_of({{.steps = 100}}), "");
}

TEST(PhaseAt, FindsTheStretchOfEveryStep) {
  const std::vector<Phase> phases = make_phases(
      std::vector<PhaseConfig>{{.steps = 3, .bag_size = 4}, {.steps = 1, .bag_size = 2}}, 10);
  const std::vector<std::int64_t> expected = {4, 4, 4, 2, 1, 1, 1, 1, 1, 1};
  for (std::int64_t step = 0; step < 10; ++step) {
    EXPECT_EQ(phase_at(phases, step).bags.bag_size, expected[static_cast<std::size_t>(step)]);
  }
  EXPECT_EQ(phase_index_at(phases, 3), 1u);
  EXPECT_THROW(phase_at(phases, -1), util::Error);
  EXPECT_THROW(phase_at(phases, 10), util::Error);
  EXPECT_THROW(phase_at({}, 0), util::Error);
}

TEST(RawTokens, AreTheSumOfTheStepsBagSizes) {
  const std::vector<Phase> phases =
      make_phases(std::vector<PhaseConfig>{{.steps = 3, .bag_size = 4, .target_size = 9},
                                           {.steps = 2, .bag_size = 2}},
                  8);
  constexpr StepSize kRun{.rows = 10, .sequence_length = 100};
  std::int64_t expected = 0;
  for (std::int64_t step = 0; step < 8; ++step) {
    EXPECT_EQ(raw_tokens_before(phases, step, kRun), expected);
    expected += phase_at(phases, step).bags.bag_size * 1000;
  }
  EXPECT_EQ(raw_tokens_before(phases, 8, kRun), expected);
}

// Raw tokens over positions are 1 + r (s - 1): 2.5 for s = 6, r = 0.3.
TEST(RawTokens, DefaultRecipeReadsTwoAndAHalfTimesItsPositions) {
  const std::vector<Phase> phases = make_phases(kDefaultRecipe, 20'000);
  EXPECT_EQ(raw_tokens_before(phases, 20'000, {.rows = 4, .sequence_length = 25}), 2'500 * 2'000);
}

// As patch training: as many raw tokens per step as elsewhere, in fewer positions.
TEST(StepSizes, AreThePhasesOwnOrTheRuns) {
  const std::vector<Phase> phases = make_phases(
      std::vector<PhaseConfig>{
          {.steps = 3, .bag_size = 4, .sequence_length = 8, .batch_positions = 64},
          {.steps = 2, .bag_size = 4, .sequence_length = 8},
          {.steps = 1, .batch_positions = 64}},
      8);
  constexpr StepSize kRun{.rows = 8, .sequence_length = 32};
  EXPECT_EQ(size_of(phases[0], kRun), (StepSize{8, 8}));
  EXPECT_EQ(size_of(phases[1], kRun), (StepSize{32, 8}));
  EXPECT_EQ(size_of(phases[2], kRun), (StepSize{2, 32}));
  EXPECT_EQ(size_of(phases[3], kRun), kRun);
  EXPECT_EQ(rows_before(phases, 8, kRun), 3 * 8 + 2 * 32 + 2 + 2 * 8);
  EXPECT_EQ(positions_before(phases, 4, kRun), 3 * 64 + 256);
  EXPECT_EQ(positions_before(phases, 8, kRun), 3 * 64 + 2 * 256 + 64 + 2 * 256);
  EXPECT_EQ(raw_tokens_before(phases, 4, kRun), 3 * 256 + 1024);
  EXPECT_EQ(rows_at_once(phases[0], 2, kRun), 8) << "as many positions as two rows of 32";
  EXPECT_EQ(rows_at_once(phases[3], 2, kRun), 2);
  Phase longer;
  longer.sequence_length = 64;
  EXPECT_EQ(rows_at_once(longer, 1, kRun), 1);
}

TEST(StepSizes, RowsMustFillAStep) {
  const auto error = [](Phase phase) {
    return test::error_of([&] { size_of(phase, {.rows = 8, .sequence_length = 32}); });
  };
  EXPECT_THAT(error({.sequence_length = 48}), names("batch_positions", "multiple", "48", "256"));
  EXPECT_THAT(error({.batch_positions = 16}), names("batch_positions", "32", "16"));
  EXPECT_THAT(error_of({{.steps = 1, .sequence_length = 0}}),
              names("phases[0].sequence_length", ">= 1", "0"));
  EXPECT_THAT(error_of({{.steps = 1, .batch_positions = -1}}),
              names("phases[0].batch_positions", ">= 1", "-1"));
}

TEST(Handover, IsThatOfThePhaseThatEnded) {
  const std::vector<Phase> phases =
      make_phases(std::vector<PhaseConfig>{{.steps = 3, .handover = Handover::kWeights},
                                           {.steps = 2, .handover = Handover::kLayers}},
                  8);
  const std::map<std::int64_t, Handover> expected = {{3, Handover::kWeights},
                                                     {5, Handover::kLayers}};
  for (std::int64_t step = 0; step <= 8; ++step) {
    EXPECT_EQ(handover_before(phases, step),
              expected.contains(step) ? expected.at(step) : Handover::kAll);
  }
}

}  // namespace
}  // namespace superpose::superposition
