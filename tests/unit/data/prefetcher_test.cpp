#include "data/prefetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <thread>

#include "stream_support.h"
#include "support/names.h"

namespace superpose::data {
namespace {

using test::names;
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
  EXPECT_THAT(test::error_of([&] { prefetcher.next(); }), names("no batch", "step 59"));
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
  constexpr std::int64_t kDepth = 3;
  std::atomic<std::int64_t> asked = 0;
  std::atomic<bool> goes_too_far = false;
  std::counting_semaphore<> loads(0);
  Prefetcher prefetcher(
      [&](std::int64_t step) {
        if (step >= asked + kDepth) goes_too_far = true;
        loads.release();
        return batch_of(step);
      },
      0, 100, kDepth);
  for (std::int64_t i = 0; i < kDepth; ++i) loads.acquire();  // before anyone asks
  for (std::int64_t step = 0; step < 100; ++step) {
    ++asked;
    EXPECT_EQ(prefetcher.next().step, step);
  }
  EXPECT_FALSE(goes_too_far);
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

// As long as the calls took, at most; more than nothing, as no batch is loaded before it is asked
// for.
TEST(Prefetcher, WaitingIsMeasured) {
  std::counting_semaphore<> asked(0);
  const auto load = [&](std::int64_t step) {
    asked.acquire();
    return batch_of(step);
  };
  Prefetcher prefetcher(load, 0, 5, 2);
  EXPECT_EQ(prefetcher.waited_seconds(), 0);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) {
    asked.release();
    prefetcher.next();
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  EXPECT_GT(prefetcher.waited_seconds(), 0);
  EXPECT_LE(prefetcher.waited_seconds(), elapsed.count());
}

TEST(Prefetcher, StopsWithAFullQueue) {
  std::counting_semaphore<> loads(0);
  Prefetcher full(
      [&](std::int64_t step) {
        loads.release();
        return batch_of(step);
      },
      0, 1000000, 2);
  loads.acquire();
  loads.acquire();
}

TEST(Prefetcher, StopsDuringALoad) {
  constexpr std::int64_t kSteps = 1'000'000;  // far more than begin before the end is asked for
  std::counting_semaphore<> begun(0), permits(0);
  std::atomic<std::int64_t> loaded = 0;
  std::atomic<bool> is_gone = false;
  std::optional<Prefetcher> busy(
      std::in_place,
      [&](std::int64_t step) {
        ++loaded;
        begun.release();
        permits.acquire();
        Batch batch;
        batch.step = step;
        return batch;
      },
      0, kSteps, kSteps);
  begun.acquire();
  std::jthread ending([&] {
    busy.reset();
    is_gone = true;
  });
  // A load that began before the end was asked for may be followed by another, not by all of them.
  while (!is_gone) {
    permits.release();
    while (!is_gone && !begun.try_acquire()) std::this_thread::yield();
  }
  ending.join();
  EXPECT_LT(loaded, kSteps);
}

TEST(Prefetcher, RefusesNoDepth) {
  EXPECT_THAT(test::error_of([] { Prefetcher(batch_of, 0, 1, 0); }), HasSubstr("data.prefetch"));
}

}  // namespace
}  // namespace superpose::data
