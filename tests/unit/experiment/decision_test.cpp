#include "experiment/decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.h"

namespace superpose::experiment {
namespace {

using ::testing::ElementsAre;

TEST(Decision, TravelsAsText) {
  Decision decision;
  decision.run.arm = 3;
  decision.run.seed = 7;
  decision.run.learning_rate = 0.1;
  decision.run.budget = 0.7;
  decision.run.role = report::Role::kTuning;
  decision.run.folder = "a-seed-7";
  decision.run.parent = "b";
  decision.run.first_step = 5;
  decision.run.total_steps = 50;
  decision.run.pinned_steps = {8, 9};
  const Decision told = decision_from_text(to_text(decision));
  EXPECT_FALSE(told.all_done);
  EXPECT_EQ(told.run.arm, 3u);
  EXPECT_EQ(told.run.seed, 7);
  EXPECT_EQ(told.run.learning_rate, 0.1);
  EXPECT_EQ(told.run.budget, 0.7);
  EXPECT_EQ(told.run.role, report::Role::kTuning);
  EXPECT_EQ(told.run.folder, "a-seed-7");
  EXPECT_EQ(told.run.parent, "b");
  EXPECT_EQ(told.run.first_step, 5);
  EXPECT_EQ(told.run.total_steps, 50);
  EXPECT_THAT(told.run.pinned_steps, ElementsAre(8, 9));
  EXPECT_TRUE(decision_from_text(to_text({.all_done = true, .run = {}})).all_done);
}

// Rank 1 of two: hears `told` from rank 0.
class Listener final : public distributed::Collective {
 public:
  explicit Listener(std::string told) : told_(std::move(told)) {}
  int rank() const override { return 1; }
  int world_size() const override { return 2; }
  void all_reduce_sum(const at::Tensor&) override {}
  void broadcast(const at::Tensor&, int) override {}
  void barrier() override {}
  std::string broadcast_text(const std::string&, int) override { return told_; }

 private:
  std::string told_;
};

TEST(OnFirstRank, OtherRanksDoNothingAndHearTheAnswer) {
  distributed::LocalCollective first;
  EXPECT_EQ(on_first_rank(first, [] { return "answer"; }), "answer");
  Listener second("+answer");
  bool worked = false;
  EXPECT_EQ(on_first_rank(second,
                          [&] {
                            worked = true;
                            return "other";
                          }),
            "answer");
  EXPECT_FALSE(worked);
}

TEST(OnFirstRank, AnErrorIsEveryRanksError) {
  distributed::LocalCollective first;
  EXPECT_THROW(on_first_rank(first, []() -> std::string { util::fail("folder: gone"); }),
               util::Error);
  Listener second("-folder: gone");
  try {
    on_first_rank(second, [] { return ""; });
    FAIL() << "no error";
  } catch (const util::Error& error) {
    EXPECT_STREQ(error.what(), "folder: gone");
  }
}

}  // namespace
}  // namespace superpose::experiment
