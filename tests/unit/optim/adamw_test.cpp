#include "optim/adamw.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ops/kernels.h"
#include "support/tolerances.h"

namespace superpose::optim {
namespace {

constexpr std::int64_t kSize = 50'003;
constexpr std::int64_t kSteps = 5;

struct State {
  at::Tensor parameter, exp_avg, exp_avg_sq;
};

// The formula of the header in f64, element by element.
State in_f64(const at::Tensor& start, const std::vector<at::Tensor>& gradients, double scale,
             double weight_decay) {
  State state{start.to(at::kDouble), at::zeros_like(start, at::kDouble),
              at::zeros_like(start, at::kDouble)};
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const double t = static_cast<double>(i + 1);
    const double rate = 1e-2 / t;
    const at::Tensor g = gradients[i].to(at::kDouble).mul(scale);
    state.parameter.mul_(1 - rate * weight_decay);
    state.exp_avg = state.exp_avg.mul(0.9).add(g, 0.1);
    state.exp_avg_sq = state.exp_avg_sq.mul(0.95).addcmul(g, g, 1 - 0.95);
    const at::Tensor root = state.exp_avg_sq.sqrt().div(std::sqrt(1 - std::pow(0.95, t))).add(1e-8);
    state.parameter.addcdiv_(state.exp_avg, root, -rate / (1 - std::pow(0.9, t)));
  }
  return state;
}

State run_adamw(const at::Tensor& start, const std::vector<at::Tensor>& gradients, double scale,
                const std::vector<Slice>& slices) {
  const at::Tensor master = start.clone();
  const at::Tensor gradient = at::zeros_like(start);
  AdamW adamw({}, master, gradient, slices);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    gradient.copy_(gradients[i]);
    adamw.step(1e-2 / static_cast<double>(i + 1), scale);
    EXPECT_TRUE(gradient.equal(gradients[i]));
  }
  EXPECT_EQ(adamw.step_count(), static_cast<std::int64_t>(gradients.size()));
  return {master, adamw.exp_avg(), adamw.exp_avg_sq()};
}

std::vector<at::Tensor> some_gradients() {
  std::vector<at::Tensor> gradients;
  for (std::int64_t i = 0; i < kSteps; ++i) gradients.push_back(at::randn({kSize}, at::kFloat));
  return gradients;
}

void expect_near(const State& state, const State& expected) {
  // Each step rounds a value of this size a handful of times.
  const auto difference = [](const at::Tensor& a, const at::Tensor& b) {
    return (a.to(at::kDouble) - b).abs().max().item<double>();
  };
  const auto tolerance = [](const at::Tensor& values) {
    return test::sum_tolerance(test::kEpsilonF32, 4 * kSteps, values.abs().max().item<double>());
  };
  EXPECT_LE(difference(state.parameter, expected.parameter), tolerance(expected.parameter));
  EXPECT_LE(difference(state.exp_avg, expected.exp_avg), tolerance(expected.exp_avg));
  EXPECT_LE(difference(state.exp_avg_sq, expected.exp_avg_sq), tolerance(expected.exp_avg_sq));
}

TEST(AdamW, FollowsItsFormulaAtEveryInstructionSet) {
  const at::Tensor start = at::randn({kSize}, at::kFloat);
  const std::vector<at::Tensor> gradients = some_gradients();
  const State expected = in_f64(start, gradients, 0.25, 0.1);
  for (const std::string& level : ops::available_isa_levels()) {
    ops::set_isa_override(level);
    expect_near(run_adamw(start, gradients, 0.25, {{0, kSize, true}}), expected);
  }
  ops::set_isa_override("auto");
}

TEST(AdamW, RunsOnTheMetaDevice) {
  const at::Tensor meta = at::zeros({kSize}, at::TensorOptions().device(at::kMeta));
  AdamW adamw({}, meta, at::zeros_like(meta), {{0, kSize, true}});
  adamw.step(1e-2, 1.0);
  EXPECT_EQ(adamw.step_count(), 1);
}

TEST(AdamW, TheSameBitsForAnyNumberOfThreadsAndAnyCut) {
  const at::Tensor start = at::randn({kSize}, at::kFloat);
  const std::vector<at::Tensor> gradients = some_gradients();
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const State one = run_adamw(start, gradients, 0.5, {{0, kSize, true}});
  for (const int number : {2, 3}) {
    at::set_num_threads(number);
    const State other = run_adamw(start, gradients, 0.5, {{0, 777, true}, {777, kSize, true}});
    EXPECT_TRUE(other.parameter.equal(one.parameter)) << number;
    EXPECT_TRUE(other.exp_avg_sq.equal(one.exp_avg_sq)) << number;
  }
  at::set_num_threads(threads);
}

TEST(AdamW, DecaysOnlyWhereToldAndLeavesOtherElementsAlone) {
  const at::Tensor start = at::randn({100}, at::kFloat);
  const at::Tensor none = at::zeros({100}, at::kFloat);
  const State state = run_adamw(start, {none}, 1.0, {{0, 40, true}, {40, 80, false}});
  const float kept = static_cast<float>(1 - 1e-2 * 0.1);
  EXPECT_TRUE(state.parameter.narrow(0, 0, 40).equal(start.narrow(0, 0, 40) * kept));
  EXPECT_TRUE(state.parameter.narrow(0, 40, 60).equal(start.narrow(0, 40, 60)));
}

TEST(AdamW, RefusesBuffersAndSlicesThatDoNotFit) {
  const at::Tensor flat = at::zeros({8}, at::kFloat);
  EXPECT_THROW(AdamW({}, flat, at::zeros({9}, at::kFloat), {}), c10::ValueError);
  EXPECT_THROW(AdamW({}, flat, at::zeros_like(flat), {{0, 9, true}}), c10::ValueError);
  EXPECT_THROW(AdamW({}, flat, at::zeros_like(flat), {{0, 5, true}, {4, 8, true}}),
               c10::ValueError);
  EXPECT_THROW(AdamW({}, flat, at::zeros_like(flat), {{0, 8, true}}, at::zeros({5}, at::kBFloat16)),
               c10::ValueError);
}

}  // namespace
}  // namespace superpose::optim
