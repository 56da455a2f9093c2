#include "inference/sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "support/error_of.h"
#include "support/names.h"
#include "util/random.h"

namespace superpose::inference {
namespace {

using test::names;
using ::testing::HasSubstr;

std::vector<std::int32_t> ids_of(const std::vector<Candidate>& candidates) {
  std::vector<std::int32_t> ids;
  for (const Candidate& one : candidates) ids.push_back(one.id);
  return ids;
}

// Logits whose probabilities are 0.4, 0.3, 0.2, 0.1 in the order 2, 0, 3, 1.
const std::vector<float> kLogits = {std::log(0.3F), std::log(0.1F), std::log(0.4F), std::log(0.2F)};

std::vector<Candidate> with(const SamplingConfig& config, std::vector<std::int32_t> seen = {}) {
  return distribution(kLogits, seen, config);
}

TEST(Distribution, IsTheSoftmaxInF64) {
  std::vector<float> logits;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    logits.push_back(static_cast<float>(3 * util::normal(7, i)));
  }
  for (const double temperature : {0.3, 1.0, 2.5}) {
    double sum = 0;
    for (const float z : logits) sum += std::exp(static_cast<double>(z) / temperature);
    const auto candidates = distribution(logits, {}, {.temperature = temperature});
    ASSERT_EQ(candidates.size(), logits.size());
    for (std::size_t i = 0; i < logits.size(); ++i) {
      EXPECT_EQ(candidates[i].id, static_cast<std::int32_t>(i));
      const double p = std::exp(static_cast<double>(logits[i]) / temperature) / sum;
      EXPECT_NEAR(candidates[i].probability, p, 1e-12 * p);
    }
  }
}

TEST(Distribution, IsTheMostLikelyTokenAtTemperature0) {
  EXPECT_EQ(ids_of(with({})), std::vector<std::int32_t>({2}));
  const std::vector<float> equal = {1, 5, 5, 0};
  EXPECT_EQ(ids_of(distribution(equal, {}, {})), std::vector<std::int32_t>({1}));
  EXPECT_EQ(ids_of(with({.repetition_penalty = 3}, {2})), std::vector<std::int32_t>({0}));
}

TEST(Distribution, PenalizesWhatWasSeenByItsSign) {
  const std::vector<float> logits = {2, -1, 1, -3};
  const std::vector<std::int32_t> seen = {0, 1};
  const auto candidates = distribution(logits, seen, {.repetition_penalty = 4, .temperature = 1});
  const auto log_ratio = [&](std::size_t a, std::size_t b) {
    return std::log(candidates[a].probability / candidates[b].probability);
  };
  EXPECT_NEAR(log_ratio(0, 2), 0.5 - 1, 1e-12);
  EXPECT_NEAR(log_ratio(1, 2), -4 - 1, 1e-12);
  EXPECT_NEAR(log_ratio(3, 2), -3 - 1, 1e-12);
}

TEST(Distribution, KeepsTheTopKAndThoseAsLikelyAsTheLast) {
  EXPECT_EQ(ids_of(with({.temperature = 1, .top_k = 2})), std::vector<std::int32_t>({0, 2}));
  EXPECT_EQ(with({.temperature = 1, .top_k = 9}).size(), 4U);
  const std::vector<float> equal = {1, 0, 1, 1};
  EXPECT_EQ(ids_of(distribution(equal, {}, {.temperature = 1, .top_k = 2})),
            std::vector<std::int32_t>({0, 2, 3}));
  EXPECT_NEAR(with({.temperature = 1, .top_k = 2})[0].probability, 3.0 / 7, 1e-6);
}

TEST(Distribution, KeepsTheFewestThatSumToTopP) {
  EXPECT_EQ(ids_of(with({.temperature = 1, .top_p = 0.39})), std::vector<std::int32_t>({2}));
  EXPECT_EQ(ids_of(with({.temperature = 1, .top_p = 0.41})), std::vector<std::int32_t>({0, 2}));
  EXPECT_EQ(ids_of(with({.temperature = 1, .top_p = 0.71})), std::vector<std::int32_t>({0, 2, 3}));
  EXPECT_EQ(with({.temperature = 1, .top_p = 0.91}).size(), 4U);
  EXPECT_EQ(with({.temperature = 1, .top_p = 1e-9}).size(), 1U);
}

TEST(Distribution, KeepsThoseAtLeastMinPAsLikelyAsTheMostLikely) {
  EXPECT_EQ(ids_of(with({.temperature = 1, .min_p = 0.51})), std::vector<std::int32_t>({0, 2}));
  EXPECT_EQ(ids_of(with({.temperature = 1, .min_p = 0.49})), std::vector<std::int32_t>({0, 2, 3}));
  EXPECT_EQ(with({.temperature = 1, .min_p = 1}).size(), 1U);
}

// Each step sees what those before it left: temperature before top-p, top-k before top-p.
TEST(Distribution, AppliesItsStepsInOrder) {
  EXPECT_EQ(ids_of(with({.temperature = 0.5, .top_p = 0.52})), std::vector<std::int32_t>({2}));
  EXPECT_EQ(ids_of(with({.temperature = 1, .top_k = 2, .top_p = 0.55})),
            std::vector<std::int32_t>({2}));
}

TEST(Distribution, RefusesLogitsThatAreNotFinite) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const std::vector<float> logits = {1, bad, 2};
    EXPECT_THAT(test::error_of([&] { distribution(logits, {}, {}); }), names("finite"));
  }
}

TEST(Draw, TakesTheRangeThatTheNumberFallsInto) {
  const std::vector<Candidate> candidates = {{3, 0.25}, {7, 0.5}, {9, 0.25}};
  EXPECT_EQ(draw(candidates, 0), 3);
  EXPECT_EQ(draw(candidates, 0.2499), 3);
  EXPECT_EQ(draw(candidates, 0.25), 7);
  EXPECT_EQ(draw(candidates, 0.7501), 9);
  const std::vector<Candidate> rounded = {{1, 0.5}, {2, 0.5 - 1e-15}};
  EXPECT_EQ(draw(rounded, std::nextafter(1.0, 0)), 2);
}

// 40,000 draws of a filtered distribution; chi-squared of the counts against the probabilities
// stays below its 1 - 1e-6 quantile (Wilson and Hilferty).
TEST(Sampler, DrawsAsOftenAsTheProbabilitiesSay) {
  std::vector<float> logits;
  for (std::uint64_t i = 0; i < 60; ++i) {
    logits.push_back(static_cast<float>(1.5 * util::normal(3, i)));
  }
  const SamplingConfig config{
      .temperature = 0.8, .top_k = 40, .top_p = 0.95, .min_p = 0.01, .seed = 11};
  const auto candidates = distribution(logits, {}, config);
  ASSERT_GT(candidates.size(), 15U);
  ASSERT_LT(candidates.size(), 40U);
  constexpr int kDraws = 40'000;
  std::vector<int> counts(logits.size());
  Sampler sampler(config, {}, 0);
  for (int i = 0; i < kDraws; ++i) ++counts[static_cast<std::size_t>(sampler.next(logits))];
  double chi_squared = 0;
  int counted = 0;
  for (const Candidate& one : candidates) {
    const double expected = kDraws * one.probability;
    const double difference = counts[static_cast<std::size_t>(one.id)] - expected;
    chi_squared += difference * difference / expected;
    counted += counts[static_cast<std::size_t>(one.id)];
  }
  EXPECT_EQ(counted, kDraws);
  const double degrees = static_cast<double>(candidates.size() - 1);
  const double t = 2 / (9 * degrees);
  EXPECT_LT(chi_squared, degrees * std::pow(1 - t + 4.75 * std::sqrt(t), 3));
}

TEST(Sampler, IsAFunctionOfSeedStreamAndPosition) {
  const auto text = [](std::uint64_t seed, std::uint64_t stream) {
    Sampler sampler({.temperature = 1, .seed = seed}, {}, stream);
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 40; ++i) ids.push_back(sampler.next(kLogits));
    return ids;
  };
  EXPECT_EQ(text(1, 2), text(1, 2));
  EXPECT_NE(text(1, 2), text(1, 3));
  EXPECT_NE(text(1, 2), text(2, 2));
}

TEST(Sampler, RemembersThePromptAndWhatItChose) {
  const std::vector<float> logits = {3, 2.5, 2};
  const std::vector<std::int32_t> prompt = {0};
  Sampler sampler({.repetition_penalty = 2}, prompt, 0);
  EXPECT_EQ(sampler.next(logits), 1);
  EXPECT_EQ(sampler.next(logits), 2);
  EXPECT_EQ(sampler.next(logits), 0);
}

TEST(SamplingConfig, RefusesValuesOutOfRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto error = [](const SamplingConfig& config) {
    return test::error_of([&] { config.validate("--"); });
  };
  EXPECT_EQ(error({}), "");
  EXPECT_EQ(error({.temperature = 1, .top_k = 5, .top_p = 0.5, .min_p = 0.1}), "");
  for (const double bad : {-1.0, nan, std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(error({.temperature = bad}), HasSubstr("--temperature: "));
    EXPECT_THAT(error({.repetition_penalty = bad}), HasSubstr("--repetition-penalty: "));
    EXPECT_THAT(error({.temperature = 1, .top_p = bad}), HasSubstr("--top-p: "));
    EXPECT_THAT(error({.temperature = 1, .min_p = bad}), HasSubstr("--min-p: "));
  }
  EXPECT_THAT(error({.repetition_penalty = 0}), HasSubstr("--repetition-penalty: "));
  EXPECT_THAT(error({.temperature = 1, .top_p = 0}), HasSubstr("--top-p: "));
  EXPECT_THAT(error({.temperature = 1, .top_k = -1}), HasSubstr("--top-k: "));
  EXPECT_THAT(error({.top_k = 5}), names("--top-k", "temperature"));
  EXPECT_THAT(error({.top_p = 0.5}), names("--top-p", "temperature"));
}

}  // namespace
}  // namespace superpose::inference
