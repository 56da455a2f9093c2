#include "optim/adamw.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

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

// Elements [begin, end), updated by a call of their own.
struct Cut {
  std::int64_t begin, end;
  double weight_decay = 0.1;
};

State run_adamw(const at::Tensor& start, const std::vector<at::Tensor>& gradients, double scale,
                const std::vector<Cut>& cuts) {
  const AdamW adamw({});
  EXPECT_EQ(std::vector<std::string>(adamw.states().begin(), adamw.states().end()),
            (std::vector<std::string>{"exp_avg", "exp_avg_sq"}));
  State state{start.clone(), at::zeros_like(start), at::zeros_like(start)};
  const at::Tensor gradient = at::zeros_like(start);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    gradient.copy_(gradients[i]);
    for (const Cut& cut : cuts) {
      const auto part = [&](const at::Tensor& flat) {
        return flat.narrow(0, cut.begin, cut.end - cut.begin);
      };
      adamw.update({.master = part(state.parameter),
                    .gradient = part(gradient),
                    .states = {part(state.exp_avg), part(state.exp_avg_sq)}},
                   {.learning_rate = 1e-2 / static_cast<double>(i + 1),
                    .weight_decay = cut.weight_decay,
                    .grad_scale = scale,
                    .number = static_cast<std::int64_t>(i + 1)});
    }
    EXPECT_TRUE(gradient.equal(gradients[i]));
  }
  return state;
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
    expect_near(run_adamw(start, gradients, 0.25, {{0, kSize}}), expected);
  }
  ops::set_isa_override("auto");
}

TEST(AdamW, TheSameBitsForAnyNumberOfThreadsAndAnyCut) {
  const at::Tensor start = at::randn({kSize}, at::kFloat);
  const std::vector<at::Tensor> gradients = some_gradients();
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const State one = run_adamw(start, gradients, 0.5, {{0, kSize}});
  for (const int number : {2, 3}) {
    at::set_num_threads(number);
    const State other = run_adamw(start, gradients, 0.5, {{0, 777}, {777, kSize}});
    EXPECT_TRUE(other.parameter.equal(one.parameter)) << number;
    EXPECT_TRUE(other.exp_avg_sq.equal(one.exp_avg_sq)) << number;
  }
  at::set_num_threads(threads);
}

TEST(AdamW, DecaysOnlyWhereToldAndLeavesOtherElementsAlone) {
  const at::Tensor start = at::randn({100}, at::kFloat);
  const at::Tensor none = at::zeros({100}, at::kFloat);
  const State state = run_adamw(start, {none}, 1.0, {{0, 40}, {40, 80, 0}});
  const float kept = static_cast<float>(1 - 1e-2 * 0.1);
  EXPECT_TRUE(state.parameter.narrow(0, 0, 40).equal(start.narrow(0, 0, 40) * kept));
  EXPECT_TRUE(state.parameter.narrow(0, 40, 60).equal(start.narrow(0, 40, 60)));
}

}  // namespace
}  // namespace superpose::optim
