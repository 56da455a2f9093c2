#include "optim/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "support/error_of.h"
#include "support/names.h"
#include "util/error.h"

namespace superpose::optim {
namespace {

using test::names;

OptimConfig wsd(std::int64_t warmup, double decay_share) {
  OptimConfig config;
  config.learning_rate = 1.0;
  config.warmup_steps = warmup;
  config.decay_share = decay_share;
  return config;
}

TEST(Schedule, WarmsUpStaysAndDecaysOnALine) {
  const OptimConfig config = wsd(3, 0.25);
  ASSERT_EQ(decay_steps(config, 12), 3);
  const std::vector<double> expected = {1.0 / 3, 2.0 / 3, 1, 1, 1, 1, 1, 1, 1, 1, 2.0 / 3, 1.0 / 3};
  for (std::size_t step = 0; step < expected.size(); ++step) {
    EXPECT_NEAR(learning_rate_at(config, static_cast<std::int64_t>(step), 12), expected[step],
                1e-15)
        << step;
  }
}

TEST(Schedule, AShareThatNamesWholeStepsGetsThem) {
  EXPECT_EQ(decay_steps(wsd(0, 0.1), 20'000), 2'000);
  EXPECT_EQ(decay_steps(wsd(0, 0.2), 8'000), 1'600);
  EXPECT_EQ(decay_steps(wsd(0, 0.3), 10), 3);
  EXPECT_EQ(decay_steps(wsd(0, 0.32), 250), 80);  // (1 - 0.32) * 250 is a little under 170
  EXPECT_EQ(decay_steps(wsd(0, 0.25), 10), 3);    // the stable part is rounded down
  EXPECT_EQ(decay_steps(wsd(0, 0.0), 10), 0);
  EXPECT_EQ(decay_steps(wsd(0, 1.0), 10), 10);
}

TEST(Schedule, OneMinusSqrtFallsFastFirst) {
  OptimConfig config = wsd(0, 0.5);
  config.decay_shape = DecayShape::kOneMinusSqrt;
  config.final_ratio = 0.1;
  EXPECT_EQ(learning_rate_at(config, 3, 8), 1.0);
  EXPECT_EQ(learning_rate_at(config, 4, 8), 1.0);  // first step of the decay: x = 1
  EXPECT_NEAR(learning_rate_at(config, 5, 8), 0.1 + 0.9 * (1 - std::sqrt(0.25)), 1e-15);
  EXPECT_NEAR(learning_rate_at(config, 7, 8), 0.1 + 0.9 * (1 - std::sqrt(0.75)), 1e-15);
}

TEST(Schedule, CosineReachesTheEndAStepAfterTheLast) {
  OptimConfig config = wsd(2, 0.2);
  config.schedule = Schedule::kCosine;
  config.final_ratio = 0.2;
  EXPECT_EQ(decay_steps(config, 10), 0);
  EXPECT_NEAR(learning_rate_at(config, 0, 10), 0.5, 1e-15);
  EXPECT_NEAR(learning_rate_at(config, 1, 10), 1.0, 1e-15);
  for (std::int64_t step = 2; step < 10; ++step) {
    const double p = static_cast<double>(step + 1 - 2) / 9;
    EXPECT_NEAR(learning_rate_at(config, step, 10),
                0.2 + 0.8 * (1 + std::cos(std::numbers::pi * p)) / 2, 1e-15);
  }
}

TEST(Schedule, ConstantStaysAfterWarmup) {
  OptimConfig config = wsd(4, 0.5);
  config.schedule = Schedule::kConstant;
  EXPECT_EQ(learning_rate_at(config, 0, 10), 0.25);
  EXPECT_EQ(learning_rate_at(config, 3, 10), 1.0);
  EXPECT_EQ(learning_rate_at(config, 9, 10), 1.0);
}

TEST(Schedule, WarmupLongerThanTheRunAndDecayMeet) {
  EXPECT_NEAR(learning_rate_at(wsd(20, 0.5), 9, 10), 0.2, 1e-15);  // decay: 1 / 5
  EXPECT_NEAR(learning_rate_at(wsd(100, 0.5), 9, 10), 0.1, 1e-15);
  OptimConfig config = wsd(100, 0.5);
  config.schedule = Schedule::kCosine;
  EXPECT_NEAR(learning_rate_at(config, 9, 10), 0.1, 1e-15);
}

TEST(Schedule, RefusesStepsOutsideTheRun) {
  EXPECT_THROW(learning_rate_at({}, 10, 10), util::Error);
  EXPECT_THROW(learning_rate_at({}, -1, 10), util::Error);
}

TEST(OptimConfig, NamesTheKeyThatIsWrong) {
  const auto error_of = [](auto change) -> std::string {
    OptimConfig config;
    change(config);
    return test::error_of([&] { config.validate(); });
  };
  using ::testing::HasSubstr;
  EXPECT_EQ(error_of([](OptimConfig&) {}), "");
  EXPECT_THAT(error_of([](OptimConfig& c) { c.learning_rate = -1; }),
              names("optim.learning_rate", "> 0", "-1"));
  EXPECT_THAT(error_of([](OptimConfig& c) { c.beta2 = 1; }), HasSubstr("optim.beta2"));
  EXPECT_THAT(error_of([](OptimConfig& c) { c.eps = 0; }), HasSubstr("optim.eps"));
  EXPECT_THAT(error_of([](OptimConfig& c) { c.decay_share = 1.5; }), HasSubstr("decay_share"));
  EXPECT_THAT(error_of([](OptimConfig& c) { c.warmup_steps = -1; }), HasSubstr("warmup_steps"));
  EXPECT_THAT(error_of([](OptimConfig& c) { c.clip_norm = -1; }), HasSubstr("clip_norm"));
  EXPECT_THAT(error_of([](OptimConfig& c) { c.final_ratio = 2; }), HasSubstr("final_ratio"));
}

// By looking at every step.
double highest_of_all(const OptimConfig& config, std::int64_t total) {
  double highest = 0;
  for (std::int64_t step = 0; step < total; ++step) {
    highest = std::max(highest, learning_rate_at(config, step, total) / config.learning_rate);
  }
  return highest;
}

TEST(HighestRate, IsThatOfTheHighestStep) {
  for (const Schedule schedule :
       {Schedule::kWarmupStableDecay, Schedule::kCosine, Schedule::kConstant}) {
    for (const DecayShape shape : {DecayShape::kLinear, DecayShape::kOneMinusSqrt}) {
      for (const double share : {0.0, 0.2, 0.7, 1.0}) {
        for (const double final_ratio : {0.0, 0.3, 1.0}) {
          for (const std::int64_t total : {1, 2, 10, 40}) {
            for (const std::int64_t warmup : {0, 1, 2, 7, 32, 33, 34, 35, 39, 40, 41, 60, 1000}) {
              OptimConfig config;
              config.schedule = schedule;
              config.decay_shape = shape;
              config.decay_share = share;
              config.final_ratio = final_ratio;
              config.warmup_steps = warmup;
              EXPECT_NEAR(highest_rate_share(config, total), highest_of_all(config, total), 1e-12)
                  << static_cast<int>(schedule) << ' ' << static_cast<int>(shape) << ' ' << share
                  << ' ' << final_ratio << ' ' << total << ' ' << warmup;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace superpose::optim
