#include "tasks/item_scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace superpose::tasks {
namespace {

TaskConfig task_of(TaskKind kind) {
  TaskConfig task;
  task.name = "own";
  task.kind = kind;
  return task;
}

Item item_of(const std::vector<std::string>& choices, std::size_t answer) {
  Item item{.index = 0, .group = "", .pairs = {}, .choices = choices, .answer = answer};
  for (const std::string& choice : choices) item.pairs.push_back({"context", " " + choice});
  return item;
}

ItemScore score(const Item& item, const std::vector<double>& log_likelihoods) {
  std::vector<Score> scores;
  for (const double value : log_likelihoods) scores.push_back({value, false});
  return score_item(task_of(TaskKind::kChoices), item, scores);
}

TEST(ItemScores, ThreeWaysToChoose) {
  // By sum the first wins, per character the second (4 characters, 8 bytes), per byte the third.
  const std::vector<std::string> choices{"ab", "éééé", "abcdef"};
  const std::vector<double> values{-4, -5, -6.9};
  EXPECT_TRUE(score(item_of(choices, 0), values).acc);
  EXPECT_FALSE(*score(item_of(choices, 0), values).acc_norm);
  const std::vector<double> likelier{-4, -4.4, -6.9};
  EXPECT_TRUE(*score(item_of(choices, 1), likelier).acc_norm);           // -1.1 each
  EXPECT_TRUE(*score(item_of(choices, 1), likelier).acc_bytes);          // -0.55 each
  EXPECT_FALSE(*score(item_of(choices, 1), {-4, -4.8, -6.9}).acc_norm);  // third: -1.15
  EXPECT_TRUE(*score(item_of(choices, 1), {-4, -4.8, -6.9}).acc_bytes);
  EXPECT_EQ(score(item_of(choices, 1), values).answer_bytes, 9);
}

TEST(ItemScores, TheFirstOfEqualsCounts) {
  const std::vector<std::string> choices{"aa", "bb", "cc"};
  EXPECT_TRUE(score(item_of(choices, 1), {-3, -2, -2}).acc);
  EXPECT_FALSE(score(item_of(choices, 2), {-3, -2, -2}).acc);
  EXPECT_TRUE(*score(item_of(choices, 1), {-3, -2, -2}).acc_norm);
  EXPECT_FALSE(*score(item_of(choices, 2), {-3, -2, -2}).acc_norm);
}

TEST(ItemScores, ClozeIsRightWhereItIsGreedy) {
  Item item{.index = 4, .group = "", .pairs = {{"a", " bé"}}, .choices = {}, .answer = 0};
  const TaskConfig task = task_of(TaskKind::kCloze);
  const std::vector<Score> greedy{{-2.5, true}};
  const ItemScore result = score_item(task, item, greedy);
  EXPECT_TRUE(result.acc);
  EXPECT_FALSE(result.acc_norm.has_value());
  EXPECT_EQ(to_record("own", result).dump(),
            R"({"task":"own","index":4,"loglikelihood":[-2.5],"is_greedy":[true],"answer":0,)"
            R"("acc":1,"answer_bytes":4})");
}

TEST(ItemScores, MeansWithErrors) {
  const Estimate mean = mean_of(std::vector<double>{1, 0, 0, 1, 1});
  EXPECT_DOUBLE_EQ(mean.value, 0.6);
  EXPECT_NEAR(*mean.error, std::sqrt(1.2 / 4 / 5), 1e-15);
  EXPECT_FALSE(mean_of(std::vector<double>{3}).error.has_value());
  // Documents of 1 and 3 tokens at 2 and 1 nats per token: residuals +-0.75.
  const Estimate ratio = ratio_of(std::vector<double>{2, 3}, std::vector<double>{1, 3});
  EXPECT_DOUBLE_EQ(ratio.value, 1.25);
  EXPECT_NEAR(*ratio.error, std::sqrt(2 * (0.75 * 0.75 * 2)) / 4, 1e-15);
}

// lm-eval's pooled_sample_stderr([0.1, 0.2], [10, 30]) = 0.14929...
TEST(ItemScores, PooledErrorsOfGroups) {
  const std::vector<Estimate> parts{{0.5, 0.1}, {0.6, 0.2}};
  const double variance = (9 * 0.01 * 10 + 29 * 0.04 * 30) / (40 - 2);
  EXPECT_NEAR(*pooled_error(parts, std::vector<std::int64_t>{10, 30}), std::sqrt(variance / 40),
              1e-15);
  const std::vector<Estimate> single{{0.5, 0.1}, {0.6, {}}};
  EXPECT_FALSE(pooled_error(single, std::vector<std::int64_t>{10, 1}).has_value());
}

TEST(ItemScores, SummaryOfATaskWithGroups) {
  TaskConfig task = task_of(TaskKind::kChoices);
  task.group_by = "subject";
  task.groups = {{.name = "both", .values = {"m", "n"}}, {.name = "none", .values = {"z"}}};
  task.metric = Metric::kAccNorm;
  std::vector<ItemScore> items;
  for (const auto& [group, right] : std::vector<std::pair<std::string, bool>>{
           {"m", true}, {"m", false}, {"n", true}, {"n", true}, {"o", false}, {"o", false}}) {
    Item item = item_of({"aa", "bb"}, right ? 0 : 1);
    item.group = group;
    items.push_back(score(item, {-1, -2}));
  }
  const auto scores = summarize(task, items);
  ASSERT_EQ(scores.size(), 5);  // all, both, m, n, o
  EXPECT_EQ(scores[0].metrics.front().first, "acc_norm");
  EXPECT_DOUBLE_EQ(scores[0].find("acc")->value, 0.5);
  EXPECT_EQ(scores[1].name, "own/both");
  EXPECT_DOUBLE_EQ(scores[1].find("acc")->value, 0.75);
  EXPECT_EQ(scores[1].items, 4);
  EXPECT_EQ(scores[4].name, "own/o");
  EXPECT_DOUBLE_EQ(scores[4].find("log_likelihood")->value, -2);
  EXPECT_NEAR(scores[4].find("bits_per_byte")->value, 2 / std::numbers::ln2 / 3, 1e-15);
}

TEST(ItemScores, PerplexityIsPerItem) {
  std::vector<ItemScore> items(2);
  items[0].scores = {{-1, true}};
  items[1].scores = {{-3, false}};
  items[0].acc = true;
  items[0].answer_bytes = items[1].answer_bytes = 4;
  TaskConfig task = task_of(TaskKind::kCloze);
  task.metric = Metric::kPerplexity;
  const auto scores = summarize(task, items);
  EXPECT_EQ(scores[0].metrics.front().first, "perplexity");
  EXPECT_DOUBLE_EQ(scores[0].find("perplexity")->value, std::exp(2.0));
  EXPECT_DOUBLE_EQ(*scores[0].find("perplexity")->error, std::exp(2.0));  // 1 nat of error
  EXPECT_DOUBLE_EQ(scores[0].find("acc")->value, 0.5);
}

}  // namespace
}  // namespace superpose::tasks
