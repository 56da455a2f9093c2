#include "bench/workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "util/error.h"

namespace superpose::bench {
namespace {

using testing::Each;
using testing::ElementsAre;

std::vector<std::string> names_of(const std::vector<Case>& cases) {
  std::vector<std::string> names;
  for (const Case& item : cases) names.push_back(item.name());
  return names;
}

superposition::Phase phase(std::int64_t bag_size, std::int64_t target_size) {
  return {.bags = {bag_size, target_size},
          .slot_weights = std::vector<double>(static_cast<std::size_t>(target_size),
                                              1 / static_cast<double>(target_size))};
}

TEST(Cases, NextTokenPredictionComesFirst) {
  const std::vector<std::int64_t> bags = {8, 1, 4, 8};
  EXPECT_THAT(names_of(cases_of(bags, {})), ElementsAre("1", "8", "4"));
  EXPECT_THAT(cases_of(bags, {})[1].slot_weights, Each(0.125));
}

TEST(Cases, ThoseOfTheRecipeWhereNoneAreGiven) {
  const std::vector<superposition::Phase> phases = {phase(6, 6), phase(1, 3), phase(1, 1)};
  EXPECT_THAT(names_of(cases_of({}, phases)), ElementsAre("1", "6", "1 to 3"));
}

TEST(Cases, OfOneSizeDifferByObjective) {
  superposition::Phase other = phase(6, 6);
  other.objective = superposition::Objective::kSetSum;
  const std::vector<superposition::Phase> phases = {phase(6, 6), other, phase(1, 1)};
  EXPECT_THAT(names_of(cases_of({}, phases)), ElementsAre("1", "6", "6 set_sum"));
}

TEST(Cases, RefusesABagOfNothing) {
  const std::vector<std::int64_t> bags = {4, 0};
  EXPECT_THROW(cases_of(bags, {}), util::Error);
}

TEST(RandomBatch, TargetsAreTheIdsThatFollow) {
  const Case which{3, 2, {0.5, 0.5}};
  const data::Batch batch =
      random_batch(which, {.rows = 2, .sequence_length = 5, .vocabulary = 7}, 1);
  ASSERT_EQ(batch.inputs.size(), 2U * 5 * 3);
  ASSERT_EQ(batch.targets.size(), 2U * 5 * 2);
  for (std::size_t row = 0; row < 2; ++row) {
    for (std::size_t bag = 0; bag + 1 < 5; ++bag) {
      for (std::size_t slot = 0; slot < 2; ++slot) {
        EXPECT_EQ(batch.targets[(row * 5 + bag) * 2 + slot],
                  batch.inputs[(row * 5 + bag + 1) * 3 + slot]);
      }
    }
  }
  EXPECT_THAT(batch.counts, ElementsAre(10, 10));
  EXPECT_EQ(batch.raw_tokens, 30);
}

TEST(RandomBatch, EveryIdOfTheVocabularyAndNoOther) {
  const data::Batch batch =
      random_batch(Case{}, {.rows = 4, .sequence_length = 500, .vocabulary = 5}, 1);
  for (const auto* ids : {&batch.inputs, &batch.targets}) {
    const auto [lowest, highest] = std::minmax_element(ids->begin(), ids->end());
    EXPECT_EQ(*lowest, 0);
    EXPECT_EQ(*highest, 4);
  }
}

TEST(RandomBatch, DependsOnTheSeedAlone) {
  const BatchShape shape{.rows = 2, .sequence_length = 50, .vocabulary = 100};
  EXPECT_EQ(random_batch(Case{}, shape, 1).inputs, random_batch(Case{}, shape, 1).inputs);
  EXPECT_NE(random_batch(Case{}, shape, 1).inputs, random_batch(Case{}, shape, 2).inputs);
}

}  // namespace
}  // namespace superpose::bench
