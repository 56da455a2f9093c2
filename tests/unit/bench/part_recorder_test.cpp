#include "bench/part_recorder.h"

#include <ATen/record_function.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <thread>

#include "small_session.h"

namespace superpose::bench {
namespace {

using Clock = std::chrono::steady_clock;
using testing::SizeIs;
using namespace std::chrono_literals;

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

std::map<std::string, PartTimes> by_name(const std::vector<PartTimes>& parts) {
  std::map<std::string, PartTimes> result;
  for (const PartTimes& part : parts) result[part.name] = part;
  return result;
}

double total(const std::vector<PartTimes>& parts) {
  double sum = 0;
  for (const PartTimes& part : parts) sum += part.total();
  return sum;
}

void wait_as(const char* name, Clock::duration duration) {
  RECORD_USER_SCOPE(name);
  std::this_thread::sleep_for(duration);
}

TEST(PartRecorder, ChargesTheInnermostPart) {
  PartRecorder recorder;
  {
    RECORD_USER_SCOPE("outer");
    wait_as("inner", 10ms);
    std::this_thread::sleep_for(5ms);
  }
  wait_as("inner", 10ms);
  std::this_thread::sleep_for(1ms);
  const std::vector<PartTimes> parts = recorder.finish();
  ASSERT_THAT(parts, SizeIs(3));
  EXPECT_EQ(parts[0].name, "outer");
  EXPECT_EQ(parts[1].name, "inner");
  EXPECT_EQ(parts[2].name, kOtherPart);
  EXPECT_GE(parts[0].forward, 0.005);
  EXPECT_GE(parts[1].forward, 0.020);
  EXPECT_GE(parts[2].forward, 0.001);
}

TEST(PartRecorder, PartsAddUpToTheTimeThatPassed) {
  const Clock::time_point before = Clock::now();
  PartRecorder recorder;
  const Clock::time_point made = Clock::now();
  for (int i = 0; i < 100; ++i) wait_as(i % 2 == 0 ? "even" : "odd", 10us);
  const Clock::time_point done = Clock::now();
  const double sum = total(recorder.finish());
  EXPECT_GE(sum, seconds(done - made));
  EXPECT_LE(sum, seconds(Clock::now() - before));
}

TEST(PartRecorder, HearsNothingAfterTheEnd) {
  PartRecorder first;
  wait_as("early", 1us);
  EXPECT_THAT(first.finish(), SizeIs(2));
  wait_as("between", 1us);
  PartRecorder second;
  wait_as("late", 1us);
  const std::vector<PartTimes> parts = second.finish();
  ASSERT_THAT(parts, SizeIs(2));
  EXPECT_EQ(parts[0].name, "late");
}

// Each operator's backward goes to the part that its forward ran in.
TEST(PartRecorder, KnowsThePartsOfATrainingStep) {
  const auto session = test::small_session({3});
  const auto parts = by_name(session->run_recorded(1, 2));
  for (const char* name : {"embedding", "norm", "rotary", "attention", "swiglu", "head and loss"}) {
    ASSERT_TRUE(parts.contains(name)) << name;
    EXPECT_GT(parts.at(name).forward, 0) << name;
    EXPECT_GT(parts.at(name).backward, 0) << name;
    EXPECT_EQ(parts.at(name).weight_gradient, 0) << name;
  }
  for (const char* name : {"qkv", "o", "gate_up", "down"}) {
    ASSERT_TRUE(parts.contains(name)) << name;
    EXPECT_GT(parts.at(name).forward, 0) << name;
    EXPECT_GT(parts.at(name).backward, 0) << name;
    EXPECT_GT(parts.at(name).weight_gradient, 0) << name;
  }
  for (const char* name : {"clear gradient", "gradient norm", "optimizer"}) {
    ASSERT_TRUE(parts.contains(name)) << name;
    EXPECT_GT(parts.at(name).forward, 0) << name;
    EXPECT_EQ(parts.at(name).backward, 0) << name;
  }
  EXPECT_EQ(parts.at(kOtherPart).weight_gradient, 0);
}

}  // namespace
}  // namespace superpose::bench
