#include "train/step.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "model/initialize.h"
#include "support/tolerances.h"
#include "train/environment.h"
#include "train/step_metrics.h"
#include "util/random.h"

namespace superpose::train {
namespace {

constexpr std::int64_t kVocabulary = 64;
constexpr std::int64_t kLength = 8;

model::ModelConfig tiny_model() {
  model::ModelConfig config;
  config.hidden_size = 16;
  config.num_layers = 1;
  config.num_heads = 2;
  config.ffn_size = 32;
  return model::resolve(config, kVocabulary);
}

std::unique_ptr<Learner> make_learner(at::Device device = at::kCPU,
                                      const model::DecoderOptions& options = {},
                                      const model::ModelConfig& shape = tiny_model()) {
  auto learner =
      std::make_unique<Learner>(shape, optim::OptimConfig{}, Precision::kF32, device, options);
  model::initialize(learner->parameters, learner->decoder.config(), 1);
  return learner;
}

// Two layers of six experts, all rows of the batches below in a step; router weights large enough
// that experts are not used equally.
std::unique_ptr<Learner> make_moe_learner(model::BalanceConfig balance,
                                          std::int64_t recompute_every = 0) {
  model::ModelConfig config;
  config.hidden_size = 16;
  config.num_layers = 2;
  config.num_heads = 2;
  config.ffn_size = 32;
  config.qk_norm = model::Toggle::kOn;
  config.moe = {.num_experts = 6, .experts_per_token = 2, .ffn_size = 8, .dense_layers = {}};
  model::DecoderOptions options;
  options.balance = balance;
  options.positions_per_step = 6 * kLength;
  options.recompute_every = recompute_every;
  auto learner = make_learner(at::kCPU, options, model::resolve(config, kVocabulary));
  for (const char* layer : {"0", "1"}) {
    const std::string name = std::string("model.layers.") + layer + ".mlp.gate.weight";
    learner->parameters.view(name).mul_(20);
    const at::Tensor last = learner->parameters.last_sums(std::string("router/") + layer);
    for (std::int64_t e = 0; e < 6; ++e) last[e] = static_cast<double>(1 + e);
  }
  // Ties, so that the first layer uses its experts least equally.
  learner->parameters.view("model.layers.0.mlp.gate.weight").narrow(0, 2, 4).zero_();
  return learner;
}

constexpr model::BalanceConfig kBySequence = {.weight = 0.5, .z_loss = 0.1};
constexpr model::BalanceConfig kByStep = {
    .weight = 0.5, .scope = model::BalanceScope::kStep, .z_loss = 0.1};

// Rows [first_row, first_row + rows) of one step; slot 1 of a bag has fewer valid targets.
data::Batch make_batch(std::int64_t first_row, std::int64_t rows, std::int64_t all_rows,
                       std::int64_t bag_size) {
  data::Batch batch;
  batch.rows = rows;
  batch.shape.sequence_length = kLength;
  batch.shape.bags.bag_size = bag_size;
  batch.shape.bags.target_size = bag_size;
  batch.counts.assign(static_cast<std::size_t>(bag_size), 0);
  const std::uint64_t key = util::stream_key(3, "batch");
  const auto token = [&](std::int64_t row, std::int64_t place) {
    return static_cast<std::int64_t>(
        util::random_bits(key, static_cast<std::uint64_t>(row * 1000 + place)) % kVocabulary);
  };
  for (std::int64_t row = 0; row < all_rows; ++row) {
    for (std::int64_t place = 0; place < kLength * bag_size; ++place) {
      const bool ignored = place % bag_size == 1 && token(row, place) < kVocabulary / 2;
      if (!ignored) ++batch.counts[static_cast<std::size_t>(place % bag_size)];
      if (row < first_row || row >= first_row + rows) continue;
      batch.inputs.push_back(token(row, place));
      batch.targets.push_back(ignored ? -100 : token(row, place + bag_size));
    }
  }
  batch.raw_tokens = rows * kLength * bag_size;
  batch.ids_hash = static_cast<std::uint64_t>(first_row);
  return batch;
}

StepInput input_of(std::int64_t bag_size, std::int64_t micro_batch) {
  StepInput input;
  input.slot_weights.assign(static_cast<std::size_t>(bag_size),
                            1.0 / static_cast<double>(bag_size));
  input.learning_rate = 1e-3;
  input.micro_batch = micro_batch;
  return input;
}

at::Tensor gradients_of(Learner& learner, const data::Batch& batch, std::int64_t micro_batch,
                        superposition::Objective objective = {}) {
  learner.parameters.zero_gradient();
  StepInput input = input_of(batch.shape.bags.bag_size, micro_batch);
  input.objective = objective;
  accumulate_gradients(learner, batch, input);
  return learner.parameters.gradient_with_mailbox().clone();
}

// Largest distance allowed between two orders of summing the gradients of 6 rows: each element is
// a sum over rows x positions of terms not larger than the largest gradient.
double gradient_tolerance(const at::Tensor& gradient) {
  return test::likely_sum_tolerance(test::kEpsilonF32, 6 * kLength,
                                    gradient.abs().max().item<double>());
}

// One thread: these models are too small to share, and the machine may be busy.
class OneThread : public ::testing::Test {
 private:
  const ThreadScope threads_{1};
};
class AccumulateGradients : public OneThread {};
class TrainStep : public OneThread {};

TEST_F(AccumulateGradients, MicroBatchChangesRoundingAlone) {
  const auto learner = make_learner();
  for (const std::int64_t bag_size : {1, 3}) {
    const data::Batch batch = make_batch(0, 6, 6, bag_size);
    const at::Tensor whole = gradients_of(*learner, batch, 6);
    ASSERT_GT(whole.abs().max().item<double>(), 1e-3);
    for (const std::int64_t micro_batch : {1, 4}) {
      const at::Tensor split = gradients_of(*learner, batch, micro_batch);
      EXPECT_LE(whole.sub(split).abs().max().item<double>(), gradient_tolerance(whole));
    }
  }
}

TEST(Objectives, OfARecipeAreThoseOfTheModel) {
  for (const std::string_view name : superposition::kObjectiveNames) {
    EXPECT_EQ(model::find_objective(name).name, name);
  }
  EXPECT_THROW(model::find_objective("set_product"), c10::ValueError);
}

TEST_F(AccumulateGradients, SetSumDependsNeitherOnMicroBatchNorOnRanks) {
  const auto learner = make_learner();
  constexpr auto kSetSum = superposition::Objective::kSetSum;
  const data::Batch batch = make_batch(0, 6, 6, 3);
  const at::Tensor whole = gradients_of(*learner, batch, 6, kSetSum);
  const double tolerance = gradient_tolerance(whole);
  EXPECT_GT(whole.sub(gradients_of(*learner, batch, 6)).abs().max().item<double>(), 1e-3);
  for (const std::int64_t micro_batch : {1, 4}) {
    const at::Tensor split = gradients_of(*learner, batch, micro_batch, kSetSum);
    EXPECT_LE(whole.sub(split).abs().max().item<double>(), tolerance);
  }
  const at::Tensor first = gradients_of(*learner, make_batch(0, 2, 6, 3), 6, kSetSum);
  const at::Tensor second = gradients_of(*learner, make_batch(2, 4, 6, 3), 6, kSetSum);
  EXPECT_LE(whole.sub(first + second).abs().max().item<double>(), tolerance);
}

TEST_F(AccumulateGradients, SetSumOfOneTargetIsNextTokenPrediction) {
  const auto learner = make_learner();
  const data::Batch batch = make_batch(0, 6, 6, 1);
  const at::Tensor ours = gradients_of(*learner, batch, 6, superposition::Objective::kSetSum);
  const at::Tensor plain = gradients_of(*learner, batch, 6);
  EXPECT_LE(ours.sub(plain).abs().max().item<double>(), gradient_tolerance(plain));
}

TEST_F(AccumulateGradients, DocumentsAreKeptApartInAnyMicroBatch) {
  model::DecoderOptions options;
  options.reset_attention = true;
  options.reset_positions = true;
  const auto learner = make_learner(at::kCPU, options);
  data::Batch batch = make_batch(0, 6, 6, 3);
  const at::Tensor joined = gradients_of(*learner, batch, 6);
  // Row r: documents of r + 1 positions each.
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    for (std::int64_t j = 0; j < kLength; ++j) {
      batch.document_starts.push_back(j - j % (row + 1));
    }
  }
  const at::Tensor whole = gradients_of(*learner, batch, 6);
  EXPECT_GT(whole.sub(joined).abs().max().item<double>(), 1e-3);
  for (const std::int64_t micro_batch : {1, 4}) {
    const at::Tensor split = gradients_of(*learner, batch, micro_batch);
    EXPECT_LE(whole.sub(split).abs().max().item<double>(), gradient_tolerance(whole));
  }
}

TEST_F(AccumulateGradients, BalanceDependsNeitherOnMicroBatchNorOnRanks) {
  const data::Batch batch = make_batch(0, 6, 6, 3);
  for (const model::BalanceConfig& balance : {kBySequence, kByStep}) {
    const auto learner = make_moe_learner(balance);
    const at::Tensor whole = gradients_of(*learner, batch, 6);
    const double tolerance = gradient_tolerance(learner->parameters.gradient());
    const at::Tensor unbalanced = gradients_of(*make_moe_learner({}), batch, 6);
    EXPECT_GT(whole.sub(unbalanced).abs().max().item<double>(), 100 * tolerance);
    // Sums over positions of numbers up to (ln 6)^2 or so are rounded more coarsely than gradients.
    const auto expect_whole = [&](const at::Tensor& other) {
      const std::int64_t size = learner->parameters.size();
      const at::Tensor difference = whole.sub(other).abs();
      EXPECT_LE(difference.narrow(0, 0, size).max().item<double>(), tolerance);
      EXPECT_LE(difference.div(whole.abs().add(1)).max().item<double>(),
                test::sum_tolerance(test::kEpsilonF32, 6 * kLength, 2));
    };
    for (const std::int64_t micro_batch : {1, 4}) {
      expect_whole(gradients_of(*learner, batch, micro_batch));
    }
    at::Tensor sum = gradients_of(*learner, make_batch(0, 2, 6, 3), 6);
    sum += gradients_of(*learner, make_batch(2, 4, 6, 3), 3);
    expect_whole(sum);
  }
}

TEST_F(AccumulateGradients, RecomputingChangesNoBitOfTheBalance) {
  const data::Batch batch = make_batch(0, 6, 6, 3);
  for (const model::BalanceConfig& balance : {kBySequence, kByStep}) {
    const at::Tensor kept = gradients_of(*make_moe_learner(balance), batch, 4);
    for (const std::int64_t every : {1, 2}) {
      EXPECT_TRUE(gradients_of(*make_moe_learner(balance, every), batch, 4).equal(kept)) << every;
    }
  }
}

TEST_F(AccumulateGradients, RanksAddUpToTheWhole) {
  const auto learner = make_learner();
  const at::Tensor whole = gradients_of(*learner, make_batch(0, 6, 6, 3), 6);
  at::Tensor sum = gradients_of(*learner, make_batch(0, 2, 6, 3), 6);
  sum += gradients_of(*learner, make_batch(2, 4, 6, 3), 6);
  sum += gradients_of(*learner, make_batch(6, 0, 6, 3), 6);  // a rank without a row
  EXPECT_LE(whole.sub(sum).abs().max().item<double>(), gradient_tolerance(whole));
}

TEST_F(TrainStep, LossIsTheMeanOverValidTargets) {
  const auto learner = make_learner();
  distributed::LocalCollective collective;
  const StepResult result =
      train_step(*learner, make_batch(0, 6, 6, 3), input_of(3, 2), collective);
  // Initial logits are small: every target costs about ln V.
  EXPECT_NEAR(result.loss, std::log(static_cast<double>(kVocabulary)), 0.05);
  EXPECT_EQ(result.raw_tokens, 6 * kLength * 3);
  EXPECT_FALSE(result.stop);
  EXPECT_EQ(learner->optimizer.step_count(), 1);
}

TEST_F(TrainStep, MeasuresHowFarTheWeightsMoveWhereAsked) {
  const auto learner = make_learner();
  distributed::LocalCollective collective;
  StepInput input = input_of(1, 6);
  EXPECT_TRUE(train_step(*learner, make_batch(0, 6, 6, 1), input, collective).scalars.empty());
  input.measures = true;
  const StepResult result = train_step(*learner, make_batch(0, 6, 6, 1), input, collective);
  std::vector<std::string> names;
  for (const auto& [name, value] : result.scalars) {
    names.push_back(name);
    EXPECT_GT(value, 0) << name;
    EXPECT_LT(value, 1) << name;
  }
  EXPECT_EQ(names.front(), "update_ratio/matrix");
  EXPECT_EQ(names.back(), "update_ratio/vector");
}

TEST_F(TrainStep, SaysWhatTheRoutersDid) {
  const auto learner = make_moe_learner(kByStep);
  distributed::LocalCollective collective;
  StepInput input = input_of(3, 4);
  input.measures = true;
  const StepResult result = train_step(*learner, make_batch(0, 6, 6, 3), input, collective);
  std::map<std::string, double> scalars;
  for (const auto& [name, value] : result.scalars) scalars[name] = value;
  double max_load = 0;
  double entropy = 0;
  for (const std::string router : {"router/0", "router/1"}) {
    const double load = scalars.at(router + "/max_load");
    EXPECT_GT(load, 1);
    EXPECT_LE(load, 3);
    EXPECT_GE(scalars.at(router + "/idle_share"), 0);
    EXPECT_LT(scalars.at(router + "/idle_share"), 1);
    EXPECT_GT(scalars.at(router + "/entropy"), 0);
    EXPECT_LT(scalars.at(router + "/entropy"), std::log(6.0));
    EXPECT_GT(scalars.at(router + "/balance_loss"), 0);
    EXPECT_GT(scalars.at(router + "/z_loss"), 0);
    max_load = std::max(max_load, load);
    entropy += scalars.at(router + "/entropy") / 2;
    // What the next step counts by: two pairs of each position.
    const at::Tensor counts = learner->parameters.last_sums(router).narrow(0, 0, 6);
    EXPECT_EQ(counts.sum().item<double>(), 2 * 6 * kLength);
    EXPECT_DOUBLE_EQ(counts.max().item<double>() * 6 / (2 * 6 * kLength), load);
  }
  ASSERT_GT(scalars.at("router/0/max_load"), scalars.at("router/1/max_load"));
  EXPECT_EQ(scalars.at("router/max_load"), max_load);
  EXPECT_DOUBLE_EQ(scalars.at("router/entropy"), entropy);
}

TEST_F(TrainStep, CarriesTheStopVote) {
  const auto learner = make_learner();
  distributed::LocalCollective collective;
  StepInput input = input_of(1, 6);
  input.wants_stop = true;
  EXPECT_TRUE(train_step(*learner, make_batch(0, 6, 6, 1), input, collective).stop);
}

TEST_F(TrainStep, OverfitsOneBatch) {
  const auto learner = make_learner();
  distributed::LocalCollective collective;
  StepInput input = input_of(1, 6);
  input.learning_rate = 1e-2;
  double loss = 0;
  for (int step = 0; step < 150; ++step) {
    loss = train_step(*learner, make_batch(0, 2, 2, 1), input, collective).loss;
  }
  EXPECT_LT(loss, 0.2);
}

// Loss or gradient norm broken: nothing that lasts may change.
TEST_F(TrainStep, StopsBeforeWeightsChangeWhereALossIsNotFinite) {
  const auto learner = make_learner();
  distributed::LocalCollective collective;
  learner->parameters.view("model.norm.weight")[3] = std::numeric_limits<float>::quiet_NaN();
  learner->parameters.refresh_compute();
  const at::Tensor before = learner->parameters.master().clone();
  EXPECT_THROW(train_step(*learner, make_batch(0, 6, 6, 3), input_of(3, 6), collective),
               NonFiniteError);
  EXPECT_TRUE(at::equal(learner->parameters.master().nan_to_num(7.0), before.nan_to_num(7.0)));
  EXPECT_EQ(learner->optimizer.step_count(), 0);
  for (const at::Tensor& buffer : learner->optimizer.buffers()) {
    EXPECT_EQ(buffer.abs().sum().item<double>(), 0);
  }
}

// Another rank's gradients are broken while its loss is finite.
class BrokenPeer : public distributed::Collective {
 public:
  int rank() const override { return 0; }
  int world_size() const override { return 2; }
  void all_reduce_sum(const at::Tensor& tensor) override {
    tensor[5] = std::numeric_limits<float>::infinity();
  }
  void broadcast(const at::Tensor&, int) override {}
  void barrier() override {}
  std::string broadcast_text(const std::string& text, int) override { return text; }
};

TEST_F(TrainStep, StopsBeforeWeightsChangeWhereAGradientIsNotFinite) {
  const auto learner = make_learner();
  BrokenPeer collective;
  const at::Tensor before = learner->parameters.master().clone();
  EXPECT_THROW(train_step(*learner, make_batch(0, 6, 6, 3), input_of(3, 6), collective),
               NonFiniteError);
  EXPECT_TRUE(at::equal(learner->parameters.master(), before));
}

// Forward, backward and optimizer on a device without memory: nothing reads a value or a pointer.
TEST(MetaDevice, WholeStepRuns) {
  for (const Precision precision : {Precision::kF32, Precision::kBf16}) {
    Learner learner(tiny_model(), optim::OptimConfig{}, precision, at::kMeta);
    model::initialize(learner.parameters, learner.decoder.config(), 1);
    for (const std::int64_t bag_size : {1, 3}) {
      const data::Batch batch = make_batch(0, 6, 6, bag_size);
      learner.parameters.zero_gradient();
      accumulate_gradients(learner, batch, input_of(bag_size, 4));
      StepMetrics(learner.parameters.mailbox()).set(Metric::kRawTokens, 1);
      learner.optimizer.step(1e-3, 1.0);
      learner.parameters.refresh_compute();
    }
    EXPECT_TRUE(learner.parameters.gradient().is_meta());
    EXPECT_EQ(learner.optimizer.step_count(), 2);
  }
}

}  // namespace
}  // namespace superpose::train
