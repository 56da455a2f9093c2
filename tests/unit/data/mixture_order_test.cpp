#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "data/batch_source.h"
#include "data/slot_pattern.h"
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

// Three corpora of different size and layout.
std::vector<StreamCase> three_cases(bool document_aware) {
  return {{{5, 1, 17, 30, 2, 2, 64, 3, 9, 40, 1, 1, 25, 7, 93}, 23, 9, document_aware, 11},
          {{50, 20, 31, 9, 40}, 10, 4, document_aware, 12},
          {{3, 60, 12, 44, 1, 1, 90}, 1000, 1, document_aware, 13}};
}

// The corpora, opened: words, code, mail.
class Mixture {
 public:
  explicit Mixture(bool document_aware, std::vector<double> weights = {5, 3, 2}) {
    const char* const names[] = {"words", "code", "mail"};
    for (const StreamCase& c : three_cases(document_aware)) {
      streams_.push_back(std::make_unique<NumberedStream>(c));
      const std::size_t i = sources.size();
      sources.push_back({names[i], streams_.back()->stream, weights[i]});
    }
  }

  std::vector<RowSource> sources;

 private:
  std::vector<std::unique_ptr<NumberedStream>> streams_;
};

// Bags of 3 by the sources' own weights, then two phases with weights of their own.
std::vector<Phase> switching_phases() {
  std::vector<Phase> phases = {make_phase(0, 7, 3, 3), make_phase(7, 5, 4, 2),
                               make_phase(12, 14, 1, 1)};
  phases[1].weights = {{"mail", 3}, {"words", 1}};
  phases[2].weights = {{"words", 0.2}, {"code", 0.7}, {"mail", 0.1}};
  return phases;
}

BatchPlan make_plan(std::vector<Phase> phases, std::int64_t rows = 6) {
  return {.phases = std::move(phases), .sequence_length = 5, .rows_per_step = rows};
}

// Which source each of `rows` rows reads: slots in the order of (j + 1/2) / count.
std::vector<std::size_t> spelled_out_sources(const std::vector<double>& weights,
                                             std::int64_t rows) {
  const auto counts = slots_of_weights(weights);
  std::vector<std::pair<double, std::size_t>> places;
  for (std::size_t source = 0; source < counts.size(); ++source) {
    for (std::int64_t j = 0; j < counts[source]; ++j) {
      const double place = (static_cast<double>(j) + 0.5) / static_cast<double>(counts[source]);
      places.emplace_back(place, source);
    }
  }
  std::sort(places.begin(), places.end());
  std::vector<std::size_t> sources;
  for (std::int64_t row = 0; row < rows; ++row) {
    sources.push_back(places[static_cast<std::size_t>(row) % places.size()].second);
  }
  return sources;
}

std::vector<std::int64_t> inputs_of_row(const Batch& batch, std::int64_t row) {
  const std::int64_t width = batch.shape.sequence_length * batch.shape.bags.bag_size;
  return {batch.inputs.begin() + row * width, batch.inputs.begin() + (row + 1) * width};
}

TEST(MixtureOrder, EqualsTheStreamsSpelledOut) {
  const std::vector<std::vector<double>> weights = {{5, 3, 2}, {1, 0, 3}, {0.2, 0.7, 0.1}};
  for (const bool aware : {false, true}) {
    const Mixture mixture(aware);
    const BatchSource source(mixture.sources, make_plan(switching_phases()));
    std::vector<ReferenceReader> readers;
    for (const StreamCase& c : three_cases(aware)) readers.emplace_back(c);
    for (std::size_t p = 0; p < 3; ++p) {
      const Phase phase = switching_phases()[p];
      const superposition::WindowShape shape{5, phase.bags};
      const auto sources = spelled_out_sources(weights[p], phase.num_steps * 6);
      for (std::int64_t row = 0; row < phase.num_steps * 6; ++row) {
        const Batch batch = source.load(phase.first_step + row / 6);
        auto window = readers[sources[static_cast<std::size_t>(row)]].next(shape);
        window.ids.resize(static_cast<std::size_t>(shape.advance()));
        ASSERT_EQ(inputs_of_row(batch, row % 6), window.ids) << p << " " << row;
      }
    }
  }
}

TEST(MixtureOrder, ReadsEachTokenOfASourceOnceAnEpoch) {
  Mixture mixture(false);
  mixture.sources = {mixture.sources[0], mixture.sources[2]};  // the second has one lane
  std::vector<Phase> phases = switching_phases();
  for (Phase& phase : phases) phase.weights.clear();
  const BatchSource source(mixture.sources, make_plan(phases));
  const std::int64_t num_tokens = mixture.sources[1].stream->num_tokens();
  std::vector<std::int64_t> read;
  const auto sources = spelled_out_sources({5, 2}, 26 * 6);
  for (std::int64_t row = 0; row < 26 * 6; ++row) {
    if (sources[static_cast<std::size_t>(row)] == 0) continue;
    const auto ids = inputs_of_row(source.load(row / 6), row % 6);
    read.insert(read.end(), ids.begin(), ids.end());
  }
  ASSERT_GE(std::ssize(read), 2 * num_tokens);
  for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
    std::vector<std::int64_t> tokens(read.begin() + epoch * num_tokens,
                                     read.begin() + (epoch + 1) * num_tokens);
    std::sort(tokens.begin(), tokens.end());
    std::vector<std::int64_t> all(static_cast<std::size_t>(num_tokens));
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(tokens, all);
  }
}

TEST(MixtureOrder, SharesAreExactToTheTable) {
  const Mixture mixture(false);
  const BatchSource source(mixture.sources, make_plan({make_phase(0, 3000, 2, 2)}, 64));
  const auto counts = slots_of_weights(std::vector<double>{5, 3, 2});
  for (std::size_t i = 0; i < 3; ++i) {
    // 2048 steps of 64 rows are the pattern twice.
    EXPECT_EQ(source.source_rows_before(i, 2048), 2 * counts[i]);
    EXPECT_DOUBLE_EQ(source.source_epoch_before(i, 2048),
                     static_cast<double>(2 * counts[i] * 10) /
                         static_cast<double>(mixture.sources[i].stream->num_tokens()));
  }
  double read = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    read += source.source_epoch_before(i, 777) *
            static_cast<double>(mixture.sources[i].stream->num_tokens());
  }
  EXPECT_DOUBLE_EQ(read, 777 * 64 * 10);
}

// Everything a run of these steps consumes, put together over the ranks.
struct Consumed {
  std::vector<std::int64_t> ids;
  std::uint64_t hash = 0;
  std::int64_t raw_tokens = 0;
  bool operator==(const Consumed&) const = default;
};

Consumed consume(const Mixture& mixture, BatchPlan plan, std::int64_t ranks) {
  Consumed consumed;
  std::deque<BatchSource> parts;
  plan.world_size = ranks;
  for (plan.rank = 0; plan.rank < ranks; ++plan.rank) parts.emplace_back(mixture.sources, plan);
  for (std::int64_t step = 0; step < parts[0].end_step(); ++step) {
    for (const BatchSource& part : parts) {
      const Batch batch = part.load(step);
      consumed.ids.insert(consumed.ids.end(), batch.inputs.begin(), batch.inputs.end());
      consumed.ids.insert(consumed.ids.end(), batch.counts.begin(), batch.counts.end());
      consumed.hash += batch.ids_hash;
      consumed.raw_tokens += batch.raw_tokens;
    }
  }
  return consumed;
}

TEST(MixtureOrder, SameRowsForAnyNumberOfRanks) {
  for (const bool aware : {false, true}) {
    Mixture mixture(aware);
    mixture.sources[1].max_epochs = 1.5;  // used up on the way
    const BatchPlan plan = make_plan(switching_phases(), 24);
    std::optional<std::uint64_t> hash;
    for (const std::int64_t ranks : {1, 2, 3, 8}) {
      const Consumed consumed = consume(mixture, plan, ranks);
      if (!hash) hash = consumed.hash;
      EXPECT_EQ(consumed.hash, *hash) << ranks;
    }
  }
}

TEST(MixtureOrder, SameRowsForAnyStepSize) {
  for (const bool aware : {false, true}) {
    const Mixture mixture(aware);
    const auto consumed = [&](std::int64_t rows, std::int64_t steps) {
      std::vector<Phase> phases = {make_phase(0, steps / 2, 3, 3),
                                   make_phase(steps / 2, steps / 2, 1, 1)};
      phases[1].weights = {{"mail", 1}, {"code", 1}};
      Consumed all = consume(mixture, make_plan(phases, rows), 1);
      all.ids.clear();  // with the targets' counts a step
      return all;
    };
    const Consumed reference = consumed(24, 4);
    EXPECT_EQ(consumed(12, 8), reference);
    EXPECT_EQ(consumed(4, 24), reference);
    EXPECT_EQ(consumed(1, 96), reference);
  }
}

// Phases, weights and limits: the state at any step is a few numbers, and reading on from there is
// the run that never stopped.
TEST(MixtureOrder, JumpingEqualsRunning) {
  for (const bool aware : {false, true}) {
    Mixture mixture(aware);
    mixture.sources[1].max_epochs = 1.1;
    mixture.sources[2].max_epochs = 2.3;
    const BatchPlan plan = make_plan(switching_phases());
    const BatchSource running(mixture.sources, plan);
    ASSERT_TRUE(running.used_up_step(1));
    ASSERT_TRUE(running.used_up_step(2));
    for (std::int64_t stop = 0; stop <= running.total_steps(); ++stop) {
      BatchPlan rest = plan;
      rest.consumed = running.consumption_before(stop);
      rest.first_step = stop;
      EXPECT_LE(rest.consumed.size(), 7U);
      const BatchSource resumed(mixture.sources, rest);
      EXPECT_EQ(resumed.data_end(), running.data_end());
      EXPECT_EQ(resumed.consumption_before(26), running.consumption_before(26));
      for (std::int64_t step = stop; step < running.total_steps(); ++step) {
        const Batch expected = running.load(step);
        const Batch batch = resumed.load(step);
        ASSERT_EQ(batch.inputs, expected.inputs) << stop << " " << step;
        ASSERT_EQ(batch.targets, expected.targets) << stop << " " << step;
        ASSERT_EQ(batch.ids_hash, expected.ids_hash) << stop << " " << step;
        ASSERT_EQ(batch.counts, expected.counts);
        ASSERT_DOUBLE_EQ(batch.epoch, expected.epoch);
      }
    }
  }
}

TEST(MixtureOrder, StateIsAFewNumbers) {
  Mixture mixture(false, {1, 1, 2});
  mixture.sources[1].max_epochs = 0.5;  // 75 tokens, 5 rows of 15
  const BatchSource source(mixture.sources, make_plan(switching_phases()));
  EXPECT_THAT(source.consumption_before(0), ElementsAre());
  EXPECT_THAT(source.consumption_before(2),
              ElementsAre(Consumption{{5, {3, 3}}, 12, {16384, 16384, 32768}, {}}));
  // Rows of the second source by the ends of steps: 1.5, 3, 4.5 and 6, the last one too many.
  EXPECT_EQ(source.used_up_step(1), 3);
  EXPECT_THAT(source.consumption_before(8),
              ElementsAre(Consumption{{5, {3, 3}}, 18, {16384, 16384, 32768}, {}},
                          Consumption{{5, {3, 3}}, 24, {21845, 0, 43691}, {1}},
                          Consumption{{5, {4, 2}}, 6, {16384, 0, 49152}, {1}}));
}

TEST(MixtureOrder, ASourceAtItsLimitLeavesItsShareToTheOthers) {
  for (const bool aware : {false, true}) {
    Mixture mixture(aware, {1, 1, 2});
    mixture.sources[1].max_epochs = 2;
    const BatchSource source(mixture.sources, make_plan({make_phase(0, 200, 2, 2)}, 8));
    ASSERT_TRUE(source.used_up_step(1));
    const std::int64_t end = *source.used_up_step(1);
    EXPECT_LE(source.source_epoch_before(1, end), 2);
    EXPECT_GT(source.source_epoch_before(1, end), 1.7);
    EXPECT_EQ(source.source_rows_before(1, 200), source.source_rows_before(1, end));
    EXPECT_EQ(source.data_end(), std::nullopt);
    const auto rows = [&](std::size_t i) {
      return static_cast<double>(source.source_rows_before(i, 200) -
                                 source.source_rows_before(i, end));
    };
    EXPECT_NEAR(rows(2) / rows(0), 2, 0.05);
  }
}

TEST(MixtureOrder, TheDataEndWhereAllSourcesDo) {
  Mixture mixture(false);
  for (RowSource& source : mixture.sources) source.max_epochs = 1;
  const BatchSource source(mixture.sources, make_plan({make_phase(0, 200, 2, 2)}, 8));
  ASSERT_TRUE(source.data_end());
  const std::int64_t end = *source.data_end();
  EXPECT_EQ(source.end_step(), end);
  EXPECT_EQ(source.total_steps(), 200);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(source.used_up_step(i));
    EXPECT_LE(*source.used_up_step(i), end);
    EXPECT_LE(source.source_epoch_before(i, end), 1);
    EXPECT_EQ(source.exhaustion_step(i), std::nullopt);
  }
  EXPECT_GT(source.epoch_before(end), 0.8);
  EXPECT_THAT(error_of([&] { source.load(end); }), names("step", std::to_string(end)));
}

TEST(MixtureOrder, ALimitOfOneEpochEndsASingleCorpusWhereItWouldBeReadAgain) {
  for (const bool aware : {false, true}) {
    const NumberedStream numbered({{500, 500}, 10, 10, aware});
    const BatchPlan plan = {.phases = {make_phase(0, 6, 2, 2), make_phase(6, 34, 1, 1)},
                            .sequence_length = 5,
                            .rows_per_step = 10};
    const BatchSource endless(numbered.stream, plan);
    const BatchSource limited({{.name = "", .stream = numbered.stream, .max_epochs = 1}}, plan);
    EXPECT_EQ(limited.data_end(), endless.exhaustion_step());
    EXPECT_EQ(limited.consumption_before(limited.end_step()),
              endless.consumption_before(limited.end_step()));
  }
}

TEST(MixtureOrder, RefusesWeightsAndHistoriesOfOtherSources) {
  const Mixture mixture(false);
  const auto message = [&](const BatchPlan& plan) {
    return error_of([&] { BatchSource(mixture.sources, plan); });
  };
  std::vector<Phase> phases = switching_phases();
  phases[2].weights = {{"wrods", 1}};
  EXPECT_THAT(message(make_plan(phases)),
              names("phase 3", "weights", "words", "code", "mail", "wrods"));
  BatchPlan plan = make_plan(switching_phases());
  plan.consumed = {{{5, {3, 3}}, 18}};
  EXPECT_THAT(message(plan), names("sources", "3", "slot counts", "0"));
  const NumberedStream numbered({{500, 500}, 10, 10, false});
  EXPECT_THAT(error_of([&] { BatchSource(numbered.stream, make_plan(switching_phases())); }),
              names("weights", "[[mixture]]"));
}

}  // namespace
}  // namespace superpose::data
