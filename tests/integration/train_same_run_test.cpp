// What must not change a run: a phase that changes nothing, the split into micro-batches, the way
// to get somewhere.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "superposition/phases.h"
#include "support/tiny_corpus_test.h"
#include "support/tolerances.h"
#include "util/error.h"

namespace superpose::test {
namespace {

using TrainSameRun = TinyCorpusTest;

superposition::PhaseConfig phase(double share, std::int64_t bag_size, std::int64_t target_size) {
  superposition::PhaseConfig result;
  result.share = share;
  result.bag_size = bag_size;
  result.target_size = target_size;
  return result;
}

TEST_F(TrainSameRun, PhaseWithBagSizeOneIsNoPhase) {
  train::RunConfig plain = config("plain");
  plain.phases.clear();
  train::RunConfig bags_of_one = config("bags-of-one");
  bags_of_one.phases = {phase(0.3, 1, 1)};

  run_alone(plain);
  run_alone(bags_of_one);

  EXPECT_EQ(fingerprint_of(checkpoint_of(plain, 20)),
            fingerprint_of(checkpoint_of(bags_of_one, 20)));
  EXPECT_EQ(losses_of(plain.run.dir), losses_of(bags_of_one.run.dir));
  ASSERT_EQ(losses_of(plain.run.dir).size(), 20U + 3U);
}

TEST_F(TrainSameRun, SecondRunHasTheSameBits) {
  run_alone(config("first"));
  run_alone(config("second"));
  EXPECT_EQ(fingerprint_of(checkpoint_of(config("first"), 20)),
            fingerprint_of(checkpoint_of(config("second"), 20)));

  train::RunConfig other_seed = config("other-seed");
  other_seed.train.seed = 2;
  run_alone(other_seed);
  EXPECT_NE(fingerprint_of(checkpoint_of(config("first"), 20)).ids_hash,
            fingerprint_of(checkpoint_of(other_seed, 20)).ids_hash);
}

TEST_F(TrainSameRun, MicroBatchChangesTheOrderOfSummationAlone) {
  train::RunConfig whole = config("whole");
  whole.train.micro_batch = 8;
  whole.optim.learning_rate = 1e-3;
  train::RunConfig split = config("split");
  split.optim.learning_rate = 1e-3;
  split.train.micro_batch = 3;  // 3 + 3 + 2 rows

  run_alone(whole);
  run_alone(split);

  const std::vector<double> a = losses_of(whole.run.dir);
  const std::vector<double> b = losses_of(split.run.dir);
  ASSERT_EQ(a.size(), b.size());
  // A loss is a sum over the 128 positions of a step. The rate is low enough that Adam does not
  // turn rounding of a gradient near zero into steps that go the other way.
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_NEAR(a[i], b[i], sum_tolerance(kEpsilonF32, 128, a[i])) << i;
  }
  EXPECT_NE(fingerprint_of(checkpoint_of(whole, 20)).model,
            fingerprint_of(checkpoint_of(split, 20)).model)
      << "the split was not used";
  EXPECT_EQ(fingerprint_of(checkpoint_of(whole, 20)).ids_hash,
            fingerprint_of(checkpoint_of(split, 20)).ids_hash);
}

TEST_F(TrainSameRun, BranchOfATrunkIsTheDirectRun) {
  // A trunk for a larger budget: its decay lies beyond the branch points.
  train::RunConfig trunk = config("trunk");
  trunk.train.steps = 40;
  trunk.phases = {phase(0.3, 3, 3)};  // 12 steps: superposed longer than the branch
  trunk.checkpoint.every = 0;
  trunk.checkpoint.keep = 1;
  train::RunSpec trunk_spec = make_spec(trunk);
  trunk_spec.stop_after_step = 9;
  trunk_spec.pinned_checkpoint_steps = {6};
  const train::RunResult trunk_result = run_alone(trunk_spec);
  EXPECT_EQ(trunk_result.status, train::RunStatus::kReachedStop);
  EXPECT_EQ(trunk_result.step, 9);
  ASSERT_TRUE(checkpoint::is_pinned(checkpoint_of(trunk, 6)));

  train::RunConfig direct = config("direct");  // superposed for 6 of 20 steps
  run_alone(direct);
  train::RunConfig branch = config("branch");
  train::RunSpec branch_spec = make_spec(branch);
  branch_spec.start_from = checkpoint_of(trunk, 6);
  const train::RunResult result = run_alone(branch_spec);

  EXPECT_EQ(result.status, train::RunStatus::kFinished);
  EXPECT_EQ(result.steps_done_now, 14);
  EXPECT_EQ(fingerprint_of(checkpoint_of(direct, 20)), fingerprint_of(checkpoint_of(branch, 20)));

  // The branch has checkpoints of its own now: it is finished, whatever it once started from.
  const train::RunResult again = run_alone(branch_spec);
  EXPECT_EQ(again.steps_done_now, 0);
  EXPECT_EQ(again.checkpoint, checkpoint_of(branch, 20));
}

TEST_F(TrainSameRun, BranchRefusesAScheduleThatIsOver) {
  train::RunConfig old_run = config("over-old");
  old_run.train.steps = 10;
  run_alone(old_run);
  train::RunSpec spec = make_spec(config("over-new"));
  spec.config.train.steps = 8;
  spec.settings = make_spec(spec.config).settings;
  spec.start_from = checkpoint_of(old_run, 10);
  try {
    run_alone(spec);
    FAIL() << "expected an error";
  } catch (const util::Error& error) {
    EXPECT_NE(std::string(error.what()).find("train.steps = 8"), std::string::npos) << error.what();
  }
}

struct Variant {
  const char* name;
  std::int64_t bag_size, target_size;
  bool document_aware;
  train::Precision precision = train::Precision::kF32;
};

class TrainVariants : public ::testing::TestWithParam<Variant> {};

TEST_P(TrainVariants, RunsAndLearns) {
  const TempDir folder;
  write_tiny_corpus(folder.path());
  train::RunConfig config = tiny_config(folder.path(), "run");
  config.phases = {phase(0.4, GetParam().bag_size, GetParam().target_size)};
  config.data.document_aware = GetParam().document_aware;
  config.train.precision = GetParam().precision;
  config.train.steps = 60;

  run_alone(config);

  const std::vector<double> losses = losses_of(config.run.dir);
  for (const double loss : losses) ASSERT_TRUE(std::isfinite(loss));
  // At the start the logits are near 0 and the loss near ln 320, of a bag as of a token.
  EXPECT_NEAR(losses.front(), std::log(320.0), 0.05);
  EXPECT_LT(losses.back(), losses[60] - 1.5) << "validation, start to end";
}

INSTANTIATE_TEST_SUITE_P(Phases, TrainVariants,
                         ::testing::Values(Variant{"Superposed", 4, 4, false},
                                           Variant{"OutputOnly", 1, 4, false},
                                           Variant{"InputOnly", 4, 1, false},
                                           Variant{"DocumentAware", 4, 4, true},
                                           Variant{"Bf16", 4, 4, false, train::Precision::kBf16}),
                         [](const auto& variant) { return std::string(variant.param.name); });

}  // namespace
}  // namespace superpose::test
