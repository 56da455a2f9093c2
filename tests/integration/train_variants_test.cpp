// Phases with a step size, an order of tokens or a handover of their own: resumed with the same
// bits, counted right, and different from a run without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "metrics/reader.h"
#include "support/error_of.h"
#include "support/tiny_corpus_test.h"

namespace superpose::test {
namespace {

using superposition::BagOrder;
using superposition::Handover;
using ::testing::HasSubstr;

struct Variant {
  const char* name;
  std::function<void(superposition::PhaseConfig&)> set;
};

void PrintTo(const Variant& variant, std::ostream* out) { *out << variant.name; }

const std::vector<Variant> kVariants = {
    {"patch",
     [](superposition::PhaseConfig& phase) {
       phase.sequence_length = 4;
       phase.batch_positions = 16;
     }},
    {"context", [](superposition::PhaseConfig& phase) { phase.sequence_length = 4; }},
    {"shuffled", [](superposition::PhaseConfig& phase) { phase.bag_order = BagOrder::kShuffled; }},
    {"weights", [](superposition::PhaseConfig& phase) { phase.handover = Handover::kWeights; }},
    {"layers", [](superposition::PhaseConfig& phase) { phase.handover = Handover::kLayers; }},
};

metrics::RunRecords records_of(const train::RunConfig& config) {
  return metrics::read_json_lines(std::filesystem::path(config.run.dir) / "metrics.jsonl");
}

class TrainVariants : public TinyCorpusTest, public ::testing::WithParamInterface<Variant> {};

INSTANTIATE_TEST_SUITE_P(All, TrainVariants, ::testing::ValuesIn(kVariants),
                         [](const auto& variant) { return std::string(variant.param.name); });

// The switch is after step 6: the second part begins with the handover.
TEST_P(TrainVariants, ResumesWithTheSameBits) {
  train::RunConfig whole = config(std::string("whole-") + GetParam().name);
  whole.train.micro_batch = 3;
  GetParam().set(whole.phases[0]);
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
}

TEST_P(TrainVariants, DiffersFromARunWithout) {
  const train::RunConfig plain = config(std::string("plain-") + GetParam().name);
  run_alone(plain);
  train::RunConfig varied = plain;
  varied.run.dir += "-varied";
  GetParam().set(varied.phases[0]);
  run_alone(varied);
  EXPECT_NE(fingerprint_of(checkpoint_of(varied, 20)), fingerprint_of(checkpoint_of(plain, 20)));
}

// One key cannot be changed on the way.
TEST_P(TrainVariants, ACheckpointOfAnotherIsRefusedByKey) {
  train::RunConfig changed = config(std::string("changed-") + GetParam().name);
  run_alone(changed);
  GetParam().set(changed.phases[0]);
  EXPECT_THAT(error_of([&] { run_alone(changed); }), HasSubstr("phases[0]."));
}

using TrainSizes = TinyCorpusTest;

TEST_F(TrainSizes, RecordsCountThePositionsOfEachStep) {
  train::RunConfig varied = config("counted");
  varied.log.every = 1;
  varied.phases[0].sequence_length = varied.train.sequence_length / 2;
  varied.phases[0].batch_positions = varied.train.batch_positions / 4;
  run_alone(varied);
  const metrics::RunRecords records = records_of(varied);
  const std::int64_t full = varied.train.batch_positions;
  const std::int64_t bag = varied.phases[0].bag_size;
  ASSERT_EQ(records.steps.size(), 20u);
  EXPECT_EQ(records.steps[5].positions, 6 * full / 4);
  EXPECT_EQ(records.steps[5].raw_tokens, bag * 6 * full / 4);
  EXPECT_EQ(records.steps[6].positions, 6 * full / 4 + full);
  EXPECT_EQ(records.steps[19].positions, 6 * full / 4 + 14 * full);
}

// The first superposed steps are those of a run without; the first one after the switch is not.
TEST_F(TrainSizes, AHandoverChangesNothingBeforeTheSwitch) {
  train::RunConfig plain = config("all");
  plain.log.every = 1;
  run_alone(plain);
  for (const Handover handover : {Handover::kWeights, Handover::kLayers}) {
    train::RunConfig varied = plain;
    varied.run.dir += handover == Handover::kWeights ? "-weights" : "-layers";
    varied.phases[0].handover = handover;
    run_alone(varied);
    const std::vector<double> before = losses_of(plain.run.dir);
    const std::vector<double> after = losses_of(varied.run.dir);
    EXPECT_TRUE(std::equal(before.begin(), before.begin() + 6, after.begin()));
    // An optimizer that starts afresh changes the weights for the second step at the earliest.
    EXPECT_EQ(before[6] == after[6], handover == Handover::kWeights);
    EXPECT_NE(before[7], after[7]);
  }
}

}  // namespace
}  // namespace superpose::test
