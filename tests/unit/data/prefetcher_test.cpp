#include "data/prefetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>

#include "stream_support.h"

namespace superpose::data {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Batch batch_of(std::int64_t step) {
  Batch batch;
  batch.step = step;
  batch.inputs.assign(1000, step);
  return batch;
}

TEST(Prefetcher, HandsOutTheBatchesInOrder) {
  Prefetcher prefetcher(batch_of, 5, 60, 3);
  for (std::int64_t step = 5; step < 60; ++step) {
    const Batch batch = prefetcher.next();
    EXPECT_EQ(batch.step, step);
    EXPECT_EQ(batch.inputs.back(), step);
  }
  EXPECT_THAT(test::error_of([&] { prefetcher.next(); }), HasSubstr("no batch behind step 59"));
}

TEST(Prefetcher, EqualsLoadingDirectly) {
  const test::NumberedStream numbered({std::vector<std::int64_t>(50, 37), 100, 8, true});
  const BatchSource source(
      numbered.stream, {.phases = {test::make_phase(0, 10, 3, 3), test::make_phase(10, 10, 1, 1)},
                        .sequence_length = 7,
                        .rows_per_step = 4});
  Prefetcher prefetcher([&](std::int64_t step) { return source.load(step); }, 0, 20, 2);
  for (std::int64_t step = 0; step < 20; ++step) {
    const Batch expected = source.load(step);  // from this thread, at the same time
    const Batch batch = prefetcher.next();
    EXPECT_EQ(batch.ids_hash, expected.ids_hash);
    EXPECT_EQ(batch.inputs, expected.inputs);
  }
}

TEST(Prefetcher, LoadsAheadButNoFurtherThanItsDepth) {
  std::atomic<std::int64_t> loaded = 0;
  Prefetcher prefetcher(
      [&](std::int64_t step) {
        ++loaded;
        return batch_of(step);
      },
      0, 100, 3);
  for (int i = 0; i < 1000 && loaded < 3; ++i) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(loaded, 3);
  prefetcher.next();
  for (int i = 0; i < 1000 && loaded < 4; ++i) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(loaded, 4);
}

TEST(Prefetcher, ErrorSurfacesAtItsStepAndStays) {
  const auto load = [](std::int64_t step) -> Batch {
    if (step == 3) throw std::runtime_error("shard is gone");
    return batch_of(step);
  };
  Prefetcher prefetcher(load, 0, 10, 8);
  for (std::int64_t step = 0; step < 3; ++step) EXPECT_EQ(prefetcher.next().step, step);
  for (int again = 0; again < 2; ++again) {
    try {
      prefetcher.next();
      FAIL() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "shard is gone");
    }
  }
}

TEST(Prefetcher, WaitingIsMeasured) {
  const auto load = [](std::int64_t step) {
    std::this_thread::sleep_for(20ms);
    return batch_of(step);
  };
  Prefetcher prefetcher(load, 0, 5, 2);
  for (int i = 0; i < 5; ++i) prefetcher.next();
  EXPECT_GE(prefetcher.waited_seconds(), 0.09);  // 5 loads, the first may have begun before
  Prefetcher ready(batch_of, 0, 1, 1);
  std::this_thread::sleep_for(50ms);
  ready.next();
  EXPECT_LT(ready.waited_seconds(), 0.04);
}

TEST(Prefetcher, StopsPromptlyWithAFullQueueAndDuringALoad) {
  const auto start = std::chrono::steady_clock::now();
  {
    Prefetcher full(batch_of, 0, 1000000, 2);
    std::this_thread::sleep_for(10ms);
  }
  std::atomic<std::int64_t> loaded = 0;
  {
    Prefetcher busy(
        [&](std::int64_t step) {
          ++loaded;
          std::this_thread::sleep_for(50ms);
          return batch_of(step);
        },
        0, 1000, 100);
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(loaded, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
}

TEST(Prefetcher, RefusesNoDepth) {
  EXPECT_THAT(test::error_of([] { Prefetcher(batch_of, 0, 1, 0); }), HasSubstr("data.prefetch"));
}

}  // namespace
}  // namespace superpose::data
