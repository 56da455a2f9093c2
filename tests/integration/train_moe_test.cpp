// Mixtures of experts with balance losses: resumed with the same bits, recomputed with the same
// bits, refused where they mean nothing, and recorded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "metrics/reader.h"
#include "support/error_of.h"
#include "support/tiny_corpus_test.h"

namespace superpose::test {
namespace {

using ::testing::HasSubstr;

using Scalars = std::vector<util::NumberPairs>;

// Of every step record, in order.
Scalars scalars_of(const train::RunConfig& config) {
  const metrics::RunRecords records =
      metrics::read_json_lines(std::filesystem::path(config.run.dir) / "metrics.jsonl");
  Scalars scalars;
  for (const metrics::StepRecord& record : records.steps) scalars.push_back(record.scalars);
  return scalars;
}

class TrainMoe : public TinyCorpusTest {
 protected:
  static train::RunConfig config(const std::string& name) {
    train::RunConfig config = TinyCorpusTest::config(name);
    config.model.qk_norm = model::Toggle::kOn;
    config.model.moe = {
        .num_experts = 8, .experts_per_token = 2, .ffn_size = 16, .dense_layers = {}};
    config.optim.balance = {.weight = 0.1, .z_loss = 0.01};
    config.train.micro_batch = 3;
    return config;
  }
};

class TrainMoeResume
    : public TrainMoe,
      public ::testing::WithParamInterface<std::tuple<model::BalanceScope, int, int>> {};

INSTANTIATE_TEST_SUITE_P(ScopeThreadsRecompute, TrainMoeResume,
                         ::testing::Combine(::testing::Values(model::BalanceScope::kSequence,
                                                              model::BalanceScope::kStep),
                                            ::testing::Values(1, 2), ::testing::Values(0, 1)));

// The switch is after step 6.
TEST_P(TrainMoeResume, BeforeAtAndAfterTheSwitchGivesTheSameBits) {
  const auto [scope, threads, recompute] = GetParam();
  const std::string name = std::string(model::kBalanceScopeNames[static_cast<std::size_t>(scope)]) +
                           std::to_string(threads) + std::to_string(recompute);
  train::RunConfig whole = config(name);
  whole.optim.balance.scope = scope;
  whole.train.threads = threads;
  whole.train.recompute_every = recompute;
  run_alone(whole);
  train::RunConfig parts = whole;
  parts.run.dir += "-in-parts";
  for (const std::int64_t stop : {4, 6, 9}) {
    train::RunSpec spec = make_spec(parts);
    spec.stop_after_step = stop;
    run_alone(spec);
  }
  EXPECT_EQ(run_alone(parts).steps_done_now, 11);
  EXPECT_EQ(fingerprint_of(checkpoint_of(parts, 20)), fingerprint_of(checkpoint_of(whole, 20)));
  EXPECT_EQ(losses_of(parts.run.dir), losses_of(whole.run.dir));
  EXPECT_EQ(scalars_of(parts), scalars_of(whole));
}

TEST_F(TrainMoe, RecomputingAndRecordingChangeNoBit) {
  const train::RunConfig plain = config("plain");
  run_alone(plain);
  train::RunConfig other = config("recomputed");
  other.train.recompute_every = 1;
  other.log.every = 7;
  run_alone(other);
  EXPECT_EQ(fingerprint_of(checkpoint_of(other, 20)), fingerprint_of(checkpoint_of(plain, 20)));
}

TEST_F(TrainMoe, BalanceMakesTheUseOfExpertsMoreEven) {
  train::RunConfig without = config("without");
  without.optim.balance = {};
  train::RunConfig with = config("with");
  with.optim.balance.weight = 1;
  for (train::RunConfig* one : {&without, &with}) {
    one->train.steps = 60;
    one->evaluation.every = 0;
    one->checkpoint.every = 0;
    run_alone(*one);
  }
  const auto mean_load = [](const train::RunConfig& run) {
    double sum = 0;
    const Scalars all = scalars_of(run);
    for (std::size_t i = all.size() - 20; i < all.size(); ++i) {
      for (const auto& [name, value] : all[i]) {
        if (name == "router/max_load") sum += value / 20;
      }
    }
    return sum;
  };
  EXPECT_LT(mean_load(with), mean_load(without));
}

TEST_F(TrainMoe, WeightsWithoutExpertsAreRefusedByName) {
  train::RunConfig dense = TinyCorpusTest::config("dense");
  dense.optim.balance.weight = 0.1;
  EXPECT_THAT(test::error_of([&] { run_alone(dense); }), HasSubstr("optim.balance.weight: "));
  dense.optim.balance = {.z_loss = 0.1};
  EXPECT_THAT(test::error_of([&] { run_alone(dense); }), HasSubstr("optim.balance.z_loss: "));
  train::RunConfig no_layer = config("no-layer");
  no_layer.model.moe.dense_layers = {0, 1};
  EXPECT_THAT(test::error_of([&] { run_alone(no_layer); }), HasSubstr("model.moe: "));
}

// A checkpoint of a run that counts by row has what a branch that counts by step begins with.
TEST_F(TrainMoe, BranchMayCountOverAnotherScope) {
  const train::RunConfig trunk = config("trunk");
  run_alone(trunk);
  train::RunConfig branch = config("branch");
  branch.optim.balance.scope = model::BalanceScope::kStep;
  train::RunSpec spec = make_spec(branch);
  spec.start_from = checkpoint_of(trunk, 10);
  EXPECT_EQ(run_alone(spec).steps_done_now, 10);
  EXPECT_NE(fingerprint_of(checkpoint_of(branch, 20)).model,
            fingerprint_of(checkpoint_of(trunk, 20)).model);
}

}  // namespace
}  // namespace superpose::test
