#include "data/batch_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "stream_support.h"
#include "support/names.h"

namespace superpose::data {
namespace {

using superposition::Phase;
using test::error_of;
using test::make_phase;
using test::names;
using test::NumberedStream;
using test::ReferenceReader;
using test::StreamCase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::int64_t> kMixedDocuments = {5, 1,  17, 30, 2,  2, 64, 3,
                                                   9, 40, 1,  1,  25, 7, 93};

std::vector<Phase> switching_phases() {
  return {make_phase(0, 7, 3, 3), make_phase(7, 5, 4, 2), make_phase(12, 14, 1, 1)};
}

BatchPlan make_plan(std::vector<Phase> phases, std::int64_t rows = 6, std::int64_t length = 5) {
  return {.phases = std::move(phases), .sequence_length = length, .rows_per_step = rows};
}

std::vector<StreamCase> stream_cases() {
  std::vector<StreamCase> cases;
  for (const bool aware : {false, true}) {
    for (const std::int64_t block : {1, 10, 23, 1000}) {
      for (const std::int64_t lanes : {1, 4, 9}) {
        cases.push_back({kMixedDocuments, block, lanes, aware});
      }
    }
    cases.push_back({{3, 4}, 5, 2, aware});  // a window is longer than an epoch
    cases.push_back({{1, 1, 1, 1}, 2, 1, aware});
  }
  return cases;
}

// Of each bag of a window, the first one of the same piece.
std::vector<std::int64_t> starts_of(const ReferenceReader::Window& window,
                                    const superposition::WindowShape& shape) {
  std::vector<std::int64_t> starts;
  for (std::int64_t j = 0; j < shape.sequence_length; ++j) {
    const auto piece = window.pieces.begin() + j * shape.bags.bag_size;
    const auto first = std::find(window.pieces.begin(), piece, *piece) - window.pieces.begin();
    EXPECT_EQ(first % shape.bags.bag_size, 0) << "a piece begins inside of a bag";
    starts.push_back(first / shape.bags.bag_size);
  }
  return starts;
}

// Holds a batch against windows read one after the other.
void expect_equal(const Batch& batch, ReferenceReader& reference) {
  const superposition::WindowShape& shape = batch.shape;
  std::vector<std::int64_t> inputs, targets, starts;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(shape.bags.target_size), 0);
  std::int64_t positions = 0;  // with a valid target
  for (std::int64_t r = 0; r < batch.rows; ++r) {
    const auto window = reference.next(shape);
    inputs.insert(inputs.end(), window.ids.begin(), window.ids.begin() + shape.advance());
    if (reference.document_aware()) {
      const auto row_starts = starts_of(window, shape);
      starts.insert(starts.end(), row_starts.begin(), row_starts.end());
    }
    for (std::int64_t j = 0; j < shape.sequence_length; ++j) {
      bool has_target = false;
      for (std::int64_t i = 0; i < shape.bags.target_size; ++i) {
        const auto at = static_cast<std::size_t>((j + 1) * shape.bags.bag_size + i);
        const auto bag = static_cast<std::size_t>(j * shape.bags.bag_size);
        const bool valid = window.ids[at] >= 0 && window.pieces[at] == window.pieces[bag];
        targets.push_back(valid ? window.ids[at] : -100);
        counts[static_cast<std::size_t>(i)] += valid ? 1 : 0;
        has_target = has_target || valid;
      }
      positions += has_target ? 1 : 0;
    }
  }
  EXPECT_EQ(batch.inputs, inputs) << "step " << batch.step;
  EXPECT_EQ(batch.targets, targets) << "step " << batch.step;
  EXPECT_EQ(batch.document_starts, starts) << "step " << batch.step;
  EXPECT_EQ(batch.counts, counts) << "step " << batch.step;
  EXPECT_EQ(batch.counts.front(), positions) << "step " << batch.step;
  EXPECT_EQ(batch.raw_tokens,
            std::count_if(inputs.begin(), inputs.end(), [](auto id) { return id >= 0; }));
}

TEST(BatchSource, EqualsTheStreamSpelledOut) {
  for (const StreamCase& c : stream_cases()) {
    SCOPED_TRACE(std::to_string(c.block_tokens) + " block, " + std::to_string(c.lanes) + " lanes" +
                 (c.document_aware ? ", document-aware" : ""));
    const NumberedStream numbered(c);
    const BatchSource source(numbered.stream, make_plan(switching_phases()));
    ReferenceReader reference(c);
    for (std::int64_t step = 0; step < source.total_steps(); ++step) {
      expect_equal(source.load(step), reference);
    }
    if (HasFailure()) return;
  }
}

// The inputs of each lane in the order of reading, without padding.
std::vector<std::vector<std::int64_t>> read_lanes(const BatchSource& source, std::int64_t lanes) {
  std::vector<std::vector<std::int64_t>> read(static_cast<std::size_t>(lanes));
  std::int64_t row = 0;
  for (std::int64_t step = 0; step < source.total_steps(); ++step) {
    const Batch batch = source.load(step);
    const std::int64_t width = batch.shape.sequence_length * batch.shape.bags.bag_size;
    for (std::int64_t r = 0; r < batch.rows; ++r, ++row) {
      for (std::int64_t i = r * width; i < (r + 1) * width; ++i) {
        const std::int64_t id = batch.inputs[static_cast<std::size_t>(i)];
        if (id >= 0) read[static_cast<std::size_t>(row % lanes)].push_back(id);
      }
    }
  }
  return read;
}

TEST(BatchSource, EveryTokenIsReadOnceAnEpochAlsoAcrossSwitches) {
  for (const StreamCase& c : stream_cases()) {
    const NumberedStream numbered(c);
    const BatchSource source(numbered.stream, make_plan(switching_phases()));
    const auto read = read_lanes(source, c.lanes);
    for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
      std::vector<std::int64_t> tokens;
      for (std::int64_t lane = 0; lane < c.lanes; ++lane) {
        const auto& mine = read[static_cast<std::size_t>(lane)];
        const std::int64_t length = numbered.stream->order().lane_length(lane);
        ASSERT_GE(std::ssize(mine), (epoch + 1) * length) << "the run is too short for this test";
        tokens.insert(tokens.end(), mine.begin() + epoch * length,
                      mine.begin() + (epoch + 1) * length);
      }
      std::sort(tokens.begin(), tokens.end());
      for (std::int64_t i = 0; i < std::ssize(tokens); ++i) {
        ASSERT_EQ(tokens[static_cast<std::size_t>(i)], i);
      }
      ASSERT_EQ(std::ssize(tokens), numbered.stream->num_tokens());
    }
  }
}

TEST(BatchSource, SameRowsForAnyNumberOfRanks) {
  for (const bool aware : {false, true}) {
    const NumberedStream numbered({kMixedDocuments, 23, 9, aware});
    BatchPlan plan = make_plan(switching_phases(), 8);
    const BatchSource alone(numbered.stream, plan);
    for (const std::int64_t ranks : {2, 3, 8}) {
      for (const std::int64_t step : {0, 6, 7, 25}) {
        const Batch whole = alone.load(step);
        Batch together;
        for (plan.rank = 0, plan.world_size = ranks; plan.rank < ranks; ++plan.rank) {
          const Batch part = BatchSource(numbered.stream, plan).load(step);
          together.inputs.insert(together.inputs.end(), part.inputs.begin(), part.inputs.end());
          together.targets.insert(together.targets.end(), part.targets.begin(), part.targets.end());
          together.document_starts.insert(together.document_starts.end(),
                                          part.document_starts.begin(), part.document_starts.end());
          together.ids_hash += part.ids_hash;
          together.raw_tokens += part.raw_tokens;
          EXPECT_EQ(part.counts, whole.counts);
          EXPECT_EQ(part.epoch, whole.epoch);
        }
        EXPECT_EQ(together.inputs, whole.inputs);
        EXPECT_EQ(together.targets, whole.targets);
        EXPECT_EQ(together.document_starts, whole.document_starts);
        EXPECT_EQ(together.ids_hash, whole.ids_hash);
        EXPECT_EQ(together.raw_tokens, whole.raw_tokens);
      }
    }
  }
}

// The starts of documents in rows of one step each, of a document-aware stream.
std::vector<std::vector<std::int64_t>> read_starts(const StreamCase& c, std::int64_t bag_size,
                                                   std::int64_t length, std::int64_t rows) {
  const NumberedStream numbered(c);
  const BatchSource source(numbered.stream,
                           make_plan({make_phase(0, rows, bag_size, bag_size)}, 1, length));
  std::vector<std::vector<std::int64_t>> starts;
  for (std::int64_t step = 0; step < rows; ++step) {
    starts.push_back(source.load(step).document_starts);
  }
  return starts;
}

TEST(BatchSource, DocumentsStartWhereTheyDo) {
  const StreamCase whole{{5, 6, 9}, 1000, 1, true};
  // Single tokens; the third row ends in the next epoch, which begins with the first document.
  EXPECT_THAT(read_starts(whole, 1, 8, 3),
              ElementsAre(ElementsAre(0, 0, 0, 0, 0, 5, 5, 5), ElementsAre(0, 0, 0, 3, 3, 3, 3, 3),
                          ElementsAre(0, 0, 0, 0, 4, 4, 4, 4)));
  // Bags of 4: documents of 5, 6 and 9 tokens take 2, 2 and 3 bags.
  EXPECT_THAT(read_starts(whole, 4, 5, 2),
              ElementsAre(ElementsAre(0, 0, 2, 2, 4), ElementsAre(0, 0, 2, 2, 4)));
  // A document is cut where its block ends (after 6 tokens) or its lane does.
  EXPECT_THAT(read_starts({{12}, 6, 1, true}, 1, 8, 1),
              ElementsAre(ElementsAre(0, 0, 0, 0, 0, 0, 6, 6)));
  EXPECT_THAT(read_starts({{12}, 1000, 2, true}, 1, 8, 1),
              ElementsAre(ElementsAre(0, 0, 0, 0, 0, 0, 6, 6)));
  EXPECT_THAT(read_starts({{12}, 6, 1, true}, 4, 4, 1), ElementsAre(ElementsAre(0, 0, 2, 2)));
  EXPECT_THAT(read_starts({{12}, 6, 1, false}, 4, 3, 1), ElementsAre(ElementsAre()));
}

TEST(BatchSource, SameRowsForAnyStepSize) {
  const NumberedStream numbered({kMixedDocuments, 23, 9, true});
  const auto consumed = [&](std::int64_t rows, std::int64_t steps) {
    const BatchSource source(
        numbered.stream,
        make_plan({make_phase(0, steps / 2, 3, 3), make_phase(steps / 2, steps / 2, 1, 1)}, rows));
    std::vector<std::int64_t> ids;
    std::uint64_t hash = 0;
    for (std::int64_t step = 0; step < steps; ++step) {
      const Batch batch = source.load(step);
      ids.insert(ids.end(), batch.inputs.begin(), batch.inputs.end());
      hash += batch.ids_hash;
    }
    return std::pair(ids, hash);
  };
  const auto reference = consumed(12, 4);
  EXPECT_EQ(consumed(6, 8), reference);
  EXPECT_EQ(consumed(4, 12), reference);
  EXPECT_EQ(consumed(1, 48), reference);
}

TEST(BatchSource, JumpingEqualsRunning) {
  for (const bool aware : {false, true}) {
    const NumberedStream numbered({kMixedDocuments, 23, 9, aware});
    const BatchPlan plan = make_plan(switching_phases());
    const BatchSource running(numbered.stream, plan);
    for (std::int64_t stop = 0; stop <= running.total_steps(); ++stop) {
      BatchPlan rest = plan;
      rest.consumed = running.consumption_before(stop);
      rest.first_step = stop;
      const BatchSource resumed(numbered.stream, rest);
      EXPECT_DOUBLE_EQ(resumed.epoch_before(stop), running.epoch_before(stop));
      for (std::int64_t step = stop; step < running.total_steps(); ++step) {
        const Batch expected = running.load(step);
        const Batch batch = resumed.load(step);
        ASSERT_EQ(batch.inputs, expected.inputs) << stop << " " << step;
        ASSERT_EQ(batch.targets, expected.targets) << stop << " " << step;
        ASSERT_EQ(batch.document_starts, expected.document_starts) << stop << " " << step;
        ASSERT_EQ(batch.ids_hash, expected.ids_hash) << stop << " " << step;
        ASSERT_EQ(batch.counts, expected.counts);
      }
    }
  }
}

TEST(BatchSource, ConsumptionIsAFewNumbers) {
  const NumberedStream numbered({kMixedDocuments, 23, 9, false});
  const BatchSource source(numbered.stream, make_plan(switching_phases()));
  EXPECT_THAT(source.consumption_before(0), ElementsAre());
  EXPECT_THAT(source.consumption_before(3), ElementsAre(Consumption{{5, {3, 3}}, 18}));
  EXPECT_THAT(source.consumption_before(13),
              ElementsAre(Consumption{{5, {3, 3}}, 42}, Consumption{{5, {4, 2}}, 30},
                          Consumption{{5, {1, 1}}, 6}));
}

// Phases with rows and steps of a size of their own.
std::vector<Phase> phases_of_sizes() {
  std::vector<Phase> phases = switching_phases();
  phases[0].sequence_length = 2;  // 15 rows
  phases[1].batch_positions = 10;
  phases[2].sequence_length = 3;
  phases[2].batch_positions = 36;
  return phases;
}

TEST(BatchSource, StepsOfAPhasesOwnSizeContinueTheSameOrder) {
  for (const StreamCase& c : stream_cases()) {
    const NumberedStream numbered(c);
    const BatchSource source(numbered.stream, make_plan(phases_of_sizes()));
    ReferenceReader reference(c);
    for (std::int64_t step = 0; step < source.total_steps(); ++step) {
      const Batch batch = source.load(step);
      EXPECT_EQ(batch.rows, step < 7 ? 15 : step < 12 ? 2 : 12);
      EXPECT_EQ(batch.step_positions, step < 7 ? 30 : step < 12 ? 10 : 36);
      EXPECT_EQ(batch.step_positions, batch.rows * batch.shape.sequence_length);
      expect_equal(batch, reference);
    }
    if (HasFailure()) return;
  }
}

// From every step on, and on every rank.
TEST(BatchSource, StepsOfAPhasesOwnSizeAreResumedAndDealt) {
  const NumberedStream numbered({kMixedDocuments, 23, 9, true});
  const BatchSource whole(numbered.stream, make_plan(phases_of_sizes()));
  for (std::int64_t first = 0; first < whole.total_steps(); ++first) {
    BatchPlan plan = make_plan(phases_of_sizes());
    plan.first_step = first;
    plan.consumed = whole.consumption_before(first);
    std::vector<std::int64_t> inputs;
    for (plan.rank = 0, plan.world_size = 2; plan.rank < 2; ++plan.rank) {
      const BatchSource part(numbered.stream, plan);
      const Batch batch = part.load(first);
      EXPECT_EQ(batch.step_positions, whole.load(first).step_positions);
      inputs.insert(inputs.end(), batch.inputs.begin(), batch.inputs.end());
      EXPECT_EQ(part.exhaustion_step(), whole.exhaustion_step()) << first;
    }
    EXPECT_EQ(inputs, whole.load(first).inputs) << first;
  }
  EXPECT_THROW(BatchSource(numbered.stream,
                           [] {
                             BatchPlan plan = make_plan(phases_of_sizes());
                             plan.world_size = 3;  // phase 2 has two rows
                             return plan;
                           }()),
               util::Error);
}

// Every row keeps its tokens; no bag of any size keeps the text's order; another seed, another one.
TEST(BatchSource, ShuffledRowsHoldTheSameTokensInAnotherOrder) {
  const NumberedStream numbered({{400}, 1000, 1, false});
  std::vector<Phase> phases = {make_phase(0, 2, 4, 4)};
  const auto row_of = [&](std::uint64_t seed) {
    BatchPlan plan = make_plan(phases, 2, 20);
    plan.seed = seed;
    return BatchSource(numbered.stream, plan).load(0);
  };
  const Batch plain = row_of(1);
  phases[0].bag_order = superposition::BagOrder::kShuffled;
  const Batch shuffled = row_of(1);
  EXPECT_EQ(shuffled.ids_hash, plain.ids_hash) << "of what was read";
  EXPECT_EQ(shuffled.counts, plain.counts);
  EXPECT_EQ(row_of(1).inputs, shuffled.inputs);
  EXPECT_NE(row_of(2).inputs, shuffled.inputs);
  EXPECT_NE(shuffled.inputs, plain.inputs);
  for (std::int64_t row = 0; row < 2; ++row) {
    // A window's ids are its inputs and the last bag's targets.
    const auto ids = [&](const Batch& batch) {
      std::vector<std::int64_t> all(batch.inputs.begin() + row * 80,
                                    batch.inputs.begin() + (row + 1) * 80);
      all.insert(all.end(), batch.targets.begin() + (row + 1) * 80 - 4,
                 batch.targets.begin() + (row + 1) * 80);
      std::sort(all.begin(), all.end());
      return all;
    };
    EXPECT_EQ(ids(shuffled), ids(plain)) << row;
  }
  // Targets are still the next bag.
  for (std::size_t i = 0; i + 4 < 80; ++i) EXPECT_EQ(shuffled.targets[i], shuffled.inputs[i + 4]);
}

// A run that continues where another one stopped, with phases of its own.
TEST(BatchSource, ContinuesAfterAnotherRun) {
  for (const bool aware : {false, true}) {
    const StreamCase c{kMixedDocuments, 23, 9, aware};
    const NumberedStream numbered(c);
    const BatchSource old(numbered.stream, make_plan({make_phase(0, 7, 3, 3)}));
    BatchPlan plan = make_plan({make_phase(0, 9, 2, 2)}, 4, 6);
    plan.consumed = old.consumption_before(5);
    const BatchSource next(numbered.stream, plan);
    ReferenceReader reference(c);
    for (std::int64_t step = 0; step < 5; ++step) expect_equal(old.load(step), reference);
    for (std::int64_t step = 0; step < 9; ++step) expect_equal(next.load(step), reference);
  }
}

TEST(BatchSource, RowsOfABatchComeFromManyDocuments) {
  const std::int64_t num_tokens = 60000;
  const std::vector<std::int64_t> books(12, num_tokens / 12);
  const std::vector<Phase> phases = {make_phase(0, 20, 6, 6), make_phase(20, 20, 1, 1)};
  const StreamLayout layout = choose_layout(num_tokens, longest_window(phases, 16), 1024, 0);
  const NumberedStream numbered({books, layout.block_tokens, layout.lanes, false});
  const BatchSource source(numbered.stream, make_plan(phases, 16, 16));
  for (const std::int64_t step : {0, 19, 20, 39}) {
    const Batch batch = source.load(step);
    std::set<std::int64_t> documents;
    std::vector<std::int64_t> starts;
    for (std::int64_t r = 0; r < 16; ++r) {
      const std::int64_t first =
          batch.inputs[static_cast<std::size_t>(r * 16 * batch.shape.bags.bag_size)];
      documents.insert(first / books[0]);
      starts.push_back(first);
    }
    // 16 draws out of 12 documents leave 9.0 different ones on average, deviation 1.2.
    EXPECT_GE(documents.size(), 5U) << step;
    for (std::size_t r = 1; r < 16; ++r) {
      EXPECT_NE(starts[r], starts[r - 1] + 16 * batch.shape.bags.bag_size)
          << "row goes on in its neighbour";
    }
  }
}

TEST(BatchSource, EpochsAndExhaustionAreCounted) {
  const NumberedStream numbered({{500, 500}, 10, 10, false});
  // 10 rows of 5 positions: 100 raw tokens per step with bags of 2, then 50.
  const BatchSource source(numbered.stream,
                           make_plan({make_phase(0, 6, 2, 2), make_phase(6, 14, 1, 1)}, 10));
  EXPECT_DOUBLE_EQ(source.load(5).epoch, 0.6);
  EXPECT_DOUBLE_EQ(source.load(6).epoch, 0.65);
  EXPECT_DOUBLE_EQ(source.epoch_before(14), 1.0);
  EXPECT_EQ(source.exhaustion_step(), 14);  // steps 0..13 read the data once, exactly
  // Also by a run that resumes after it.
  BatchPlan later = make_plan({make_phase(0, 6, 2, 2), make_phase(6, 14, 1, 1)}, 10);
  later.consumed = source.consumption_before(17);
  later.first_step = 17;
  EXPECT_EQ(BatchSource(numbered.stream, later).exhaustion_step(), 14);
  const BatchSource shorter(numbered.stream,
                            make_plan({make_phase(0, 6, 2, 2), make_phase(6, 8, 1, 1)}, 10));
  EXPECT_EQ(shorter.exhaustion_step(), std::nullopt);
}

TEST(BatchSource, EpochsAreCountedWithPadding) {
  const NumberedStream numbered({std::vector<std::int64_t>(200, 5), 50, 10, true});
  // Documents of 5 in bags of 4 take 8 positions of the window: 10 rows x 40 hold about 250 tokens.
  const BatchSource source(numbered.stream, make_plan({make_phase(0, 9, 4, 4)}, 10, 10));
  EXPECT_NEAR(source.epoch_before(4), 1.0, 0.1);
  EXPECT_NEAR(static_cast<double>(*source.exhaustion_step()), 4, 1);
}

TEST(BatchSource, RefusesImpossiblePlans) {
  const NumberedStream numbered({kMixedDocuments, 23, 9, false});
  const auto message = [&](const BatchPlan& plan) {
    return error_of([&] { BatchSource(numbered.stream, plan); });
  };
  BatchPlan plan = make_plan(switching_phases(), 2);
  plan.world_size = 3;
  EXPECT_THAT(message(plan), names("row", "2", "3"));
  plan.rank = 3;
  EXPECT_THAT(message(plan), HasSubstr("got 3 of 3"));
  plan = make_plan({});
  EXPECT_THAT(message(plan), names("a phase"));
  plan = make_plan(switching_phases());
  plan.first_step = 27;
  EXPECT_THAT(message(plan), HasSubstr("[0, 26], got 27"));
  const BatchSource source(numbered.stream, make_plan(switching_phases()));
  EXPECT_THAT(error_of([&] { source.load(26); }), HasSubstr("[0, 25], got 26"));
}

TEST(TokenStream, LayoutFitsTheCorpus) {
  EXPECT_EQ(choose_layout(90'000'000, 1542, 1024, 0), (StreamLayout{1024, 65536}));
  EXPECT_EQ(choose_layout(90'000'000, 1542, 1024, 500), (StreamLayout{1024, 500}));
  EXPECT_EQ(choose_layout(1'000'000, 1542, 1024, 0), (StreamLayout{648, 1543}));
  EXPECT_EQ(choose_layout(1542, 1542, 1024, 0), (StreamLayout{1, 1542}));
  EXPECT_THAT(error_of([] { choose_layout(1541, 1542, 1024, 0); }),
              names("shorter", "1541", "1542"));
  EXPECT_THAT(error_of([] { choose_layout(0, 1, 1024, 0); }), names("corpus", "empty"));
  EXPECT_EQ(longest_window(switching_phases(), 5), 22);
}

TEST(TokenStream, RangesOfOneShapeMerge) {
  std::vector<Consumption> history;
  append_consumption(history, {{8, {2, 2}}, 0});
  append_consumption(history, {{8, {2, 2}}, 5});
  append_consumption(history, {{8, {2, 2}}, 7});
  append_consumption(history, {{8, {2, 1}}, 1});
  EXPECT_THAT(history, ElementsAre(Consumption{{8, {2, 2}}, 12}, Consumption{{8, {2, 1}}, 1}));
}

}  // namespace
}  // namespace superpose::data
