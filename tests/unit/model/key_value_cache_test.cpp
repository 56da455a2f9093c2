#include "model/key_value_cache.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "small_decoder.h"
#include "support/tolerances.h"

namespace superpose::model {
namespace {

using ::testing::HasSubstr;

// Logits [L, V] of ids [L] in calls of `step` positions.
at::Tensor in_calls(const Decoder& decoder, const at::Tensor& ids, std::int64_t step,
                    KeyValueCache& cache, std::int64_t slot = 0,
                    ops::RowWay way = ops::RowWay::kDots) {
  cache.truncate(slot, 0);
  std::vector<at::Tensor> parts;
  for (std::int64_t begin = 0; begin < ids.size(0); begin += step) {
    const at::Tensor part = ids.narrow(0, begin, std::min(step, ids.size(0) - begin));
    parts.push_back(decoder.logits_of(decoder.extend(part.unsqueeze(0), {slot}, cache, way)[0]));
  }
  return at::cat(parts);
}

// Sums of another order: as far from the uncached pass as roundings of the logits' size go.
TEST(KeyValueCache, GivesTheLogitsOfTheWholeRowForEveryArchitecture) {
  for (const auto& [name, shape] : test::architectures()) {
    const test::SmallDecoder model(shape);
    const at::Tensor ids = test::random_ids(64, {37});
    const at::Tensor expected = model.decoder.logits(ids.view({1, 37, 1}))[0];
    const double tolerance = 64 * test::kEpsilonF32 * expected.abs().max().item<double>();
    KeyValueCache cache = model.decoder.make_cache(1, 37);
    const at::Tensor whole = in_calls(model.decoder, ids, 37, cache);
    EXPECT_LE((whole - expected).abs().max().item<double>(), tolerance) << name;
    // However it is cut: the same bits.
    EXPECT_TRUE(in_calls(model.decoder, ids, 1, cache).equal(whole)) << name;
    EXPECT_TRUE(in_calls(model.decoder, ids, 5, cache).equal(whole)) << name;
    EXPECT_EQ(cache.length(0), 37);
    constexpr ops::RowWay kBlocks = ops::RowWay::kBlocks;
    const at::Tensor in_blocks = in_calls(model.decoder, ids, 37, cache, 0, kBlocks);
    EXPECT_LE((in_blocks - expected).abs().max().item<double>(), tolerance) << name;
    EXPECT_TRUE(in_calls(model.decoder, ids, 5, cache, 0, kBlocks).equal(in_blocks)) << name;
  }
}

TEST(KeyValueCache, ComputesInBf16Too) {
  const test::SmallDecoder model(test::small_config(), at::kCPU, at::kBFloat16);
  const at::Tensor ids = test::random_ids(64, {12});
  const at::Tensor expected = model.decoder.logits(ids.view({1, 12, 1}))[0];
  KeyValueCache cache = model.decoder.make_cache(1, 12);
  EXPECT_LE((in_calls(model.decoder, ids, 3, cache) - expected).abs().max().item<double>(),
            16 * test::kEpsilonBf16 * expected.abs().max().item<double>());
}

// Sequences of different lengths in one batch, with and without neighbours and threads.
TEST(KeyValueCache, GivesASequenceTheSameBitsInEveryBatch) {
  for (const auto& [name, shape] : test::architectures()) {
    const test::SmallDecoder model(shape);
    const std::vector<std::int64_t> lengths = {3, 11, 1, 7, 20};
    std::vector<at::Tensor> ids;
    std::vector<at::Tensor> alone;
    KeyValueCache cache = model.decoder.make_cache(5, 21);
    const int threads = at::get_num_threads();
    at::set_num_threads(1);
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      ids.push_back(test::random_ids(64, {lengths[i] + 1}));
      KeyValueCache own = model.decoder.make_cache(1, 21);
      alone.push_back(in_calls(model.decoder, ids[i], lengths[i] + 1, own)[lengths[i]]);
      in_calls(model.decoder, ids[i].narrow(0, 0, lengths[i]), 4, cache,
               static_cast<std::int64_t>(i));
    }
    at::set_num_threads(3);
    const std::vector<std::int64_t> slots = {4, 0, 2, 1, 3};
    std::vector<at::Tensor> last;
    for (const std::int64_t slot : slots) last.push_back(ids[static_cast<std::size_t>(slot)][-1]);
    for (std::size_t count = slots.size(); count > 0; --count) {
      const std::vector<std::int64_t> some(slots.begin(),
                                           slots.begin() + static_cast<std::ptrdiff_t>(count));
      const at::Tensor next = at::stack(at::TensorList(last.data(), count)).unsqueeze(1);
      const at::Tensor logits =
          model.decoder.logits_of(model.decoder.extend(next, some, cache).flatten(0, 1));
      for (std::size_t i = 0; i < count; ++i) {
        const auto slot = static_cast<std::size_t>(some[i]);
        EXPECT_TRUE(logits[static_cast<std::int64_t>(i)].equal(alone[slot]))
            << name << " " << slot << " of " << count;
        cache.truncate(some[i], lengths[slot]);
      }
    }
    at::set_num_threads(threads);
  }
}

// Rows of different lengths in one call: each as if it were alone, and as long afterwards.
TEST(KeyValueCache, ReadsRowsThatEndEarlyAsTheyAre) {
  for (const auto& [name, shape] : test::architectures()) {
    const test::SmallDecoder model(shape);
    const std::vector<std::int64_t> lengths = {3, 9, 1, 6};
    const at::Tensor first = test::random_ids(64, {4, 5});
    const at::Tensor ids = test::random_ids(64, {4, 9});
    KeyValueCache cache = model.decoder.make_cache(4, 20);
    model.decoder.extend(first, {0, 1, 2, 3}, cache);
    at::Tensor padded = ids.clone();
    for (std::int64_t i = 0; i < 4; ++i) {
      const std::int64_t length = lengths[static_cast<std::size_t>(i)];
      padded[i].narrow(0, length, 9 - length).fill_(-1);
    }
    const at::Tensor states = model.decoder.extend(padded, {0, 1, 2, 3}, cache);
    for (std::int64_t i = 0; i < 4; ++i) {
      const std::int64_t length = lengths[static_cast<std::size_t>(i)];
      KeyValueCache own = model.decoder.make_cache(1, 20);
      model.decoder.extend(first.narrow(0, i, 1), {0}, own);
      const at::Tensor expected =
          model.decoder.extend(ids.narrow(0, i, 1).narrow(1, 0, length), {0}, own)[0];
      EXPECT_TRUE(states[i].narrow(0, 0, length).equal(expected)) << name << " " << i;
      EXPECT_EQ(states[i].narrow(0, length, 9 - length).abs().sum().item<float>(), 0);
      // What was written behind the row's end is dropped, and the next token sees the row alone.
      cache.truncate(i, 5 + length);
      const at::Tensor next = test::random_ids(64, {1, 1});
      EXPECT_TRUE(
          model.decoder.extend(next, {i}, cache).equal(model.decoder.extend(next, {0}, own)))
          << name << " " << i;
    }
  }
}

TEST(KeyValueCache, RefusesMoreThanItHasRoomFor) {
  const test::SmallDecoder model;
  KeyValueCache cache = model.decoder.make_cache(2, 4);
  const at::Tensor ids = test::random_ids(64, {1, 3});
  model.decoder.extend(ids, {1}, cache);
  const auto error_of = [](const auto& action) {
    try {
      action();
    } catch (const c10::ValueError& error) {
      return std::string(error.what_without_backtrace());
    }
    return std::string();
  };
  EXPECT_THAT(error_of([&] { model.decoder.extend(ids, {1}, cache); }), HasSubstr("at most 4"));
  EXPECT_EQ(cache.length(1), 3);
  EXPECT_EQ(cache.length(0), 0);
  EXPECT_THAT(error_of([&] { model.decoder.extend(ids, {0, 1}, cache); }), HasSubstr("[2, "));
  EXPECT_THAT(error_of([&] { cache.truncate(1, 4); }), HasSubstr("[0, 3]"));
  EXPECT_THAT(error_of([&] { model.decoder.make_cache(0, 4); }), HasSubstr("num_slots"));
  EXPECT_THAT(error_of([&] { model.decoder.make_cache(1, 4000); }), HasSubstr("max_positions"));
}

}  // namespace
}  // namespace superpose::model
