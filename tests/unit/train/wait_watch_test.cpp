#include "train/wait_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/names.h"

namespace superpose::train {
namespace {

using test::names;
using ::testing::HasSubstr;

metrics::StepRecord record(double seconds, double wait_seconds) {
  metrics::StepRecord result;
  result.seconds = seconds;
  result.wait_seconds = wait_seconds;
  return result;
}

TEST(WaitWatch, SpeaksOnceWhenWaitingPassesFivePercent) {
  WaitWatch watch;
  int spoken = 0;
  for (int i = 0; i <= 40; ++i) {
    const auto warning = watch.add(record(4 * i, 0.06 * 4 * i));
    if (!warning) continue;
    ++spoken;
    EXPECT_EQ(i, 5) << "five records that take ten seconds";
    EXPECT_THAT(*warning, names("6.0 %", "20 s"));
    EXPECT_THAT(*warning, HasSubstr("data.prefetch"));
    EXPECT_THAT(*warning, HasSubstr("superpose data prepare"));
  }
  EXPECT_EQ(spoken, 1);
}

TEST(WaitWatch, IsSilentBelow) {
  WaitWatch watch;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(watch.add(record(4 * i, 0.049 * 4 * i)));
}

TEST(WaitWatch, ForgetsTheStartAndOldTimes) {
  WaitWatch watch;
  // Before the first record the loader starts; later it waits for 0.15 s of every 5 s.
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(watch.add(record(9 + 5 * i, 8 + 0.15 * i))) << i;
  // 0.5 s of 5 s from here on: 25 s hold 0.15 x 4 + 0.5 = 1.1 s, then 1.45 s.
  EXPECT_FALSE(watch.add(record(159, 12.7)));
  EXPECT_TRUE(watch.add(record(164, 13.2)));
}

TEST(WaitWatch, DoesNotJudgeAFewMilliseconds) {
  WaitWatch watch;
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(watch.add(record(0.009 * i, 0.005 * i)));
}

}  // namespace
}  // namespace superpose::train
