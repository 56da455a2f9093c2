#include "model/router.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace superpose::model {
namespace {

constexpr double kTolerance = 1e-12;

struct Case {
  std::string name;
  std::int64_t rows, length, experts, k;
};

const std::vector<Case> kCases = {{"several rows", 3, 5, 6, 2},
                                  {"one position", 1, 1, 4, 2},
                                  {"one expert", 2, 4, 1, 1},
                                  {"every expert", 2, 3, 4, 4}};

at::Tensor uniform(at::IntArrayRef shape, std::uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::rand(shape, generator, at::kDouble).mul_(4).sub_(2);
}

at::Tensor leaf(const at::Tensor& values) {
  return values.detach().clone().set_requires_grad(true);
}

double largest(const at::Tensor& tensor) { return tensor.abs().max().item<double>(); }

at::Tensor empty_sums(std::int64_t experts) {
  return at::zeros({router_sums_size(experts)}, at::kDouble);
}

// The definition of router.h in f64, row by row; `use` is f of every row, or undefined.
struct Exact {
  Exact(const at::Tensor& logits, const at::Tensor& experts, std::int64_t rows,
        const at::Tensor& use = {}) {
    const std::int64_t num_experts = logits.size(1);
    counts = at::zeros({num_experts}, at::kDouble);
    std::vector<at::Tensor> losses;
    const auto row_logits = logits.chunk(rows);
    const auto row_experts = experts.chunk(rows);
    for (std::size_t r = 0; r < row_logits.size(); ++r) {
      const at::Tensor mine = at::zeros({num_experts}, at::kDouble);
      for (std::int64_t i = 0; i < row_experts[r].numel(); ++i) {
        mine[row_experts[r].flatten()[i].item<std::int64_t>()] += 1;
      }
      counts += mine;
      const at::Tensor f = use.defined() ? use
                                         : mine * static_cast<double>(num_experts) /
                                               static_cast<double>(row_experts[r].numel());
      losses.push_back((f * at::softmax(row_logits[r], 1).mean(0)).sum());
    }
    balance = at::stack(losses).mean();
    z = at::logsumexp(logits, 1).square().mean();
    const at::Tensor p = at::softmax(logits, 1);
    entropy = -(p * p.log()).sum(1).mean().item<double>();
  }
  at::Tensor counts, balance, z;
  double entropy = 0;
};

RouterCall call_of(const Case& size, const at::Tensor& sums, const at::Tensor& last_sums,
                   BalanceScope scope, double balance, double z) {
  const auto positions = static_cast<double>(size.rows * size.length);
  return {size.k, size.rows, {balance / positions, z / positions, scope}, sums, last_sums};
}

void expect_definition(const Case& size, const at::Tensor& start, BalanceScope scope,
                       const at::Tensor& last_sums, const at::Tensor& use) {
  const at::Tensor weights = uniform(start.sizes(), 2);
  const at::Tensor sums = empty_sums(size.experts);
  const at::Tensor logits = leaf(start);
  const Routing routing = route(logits, call_of(size, sums, last_sums, scope, 0.3, 0.07));
  (routing.probabilities * weights).sum().backward();

  const at::Tensor plain = leaf(start);
  const Exact exact(plain, routing.experts, size.rows, use);
  ((at::softmax(plain, 1) * weights).sum() + exact.balance * 0.3 + exact.z * 0.07).backward();
  EXPECT_LE(largest(logits.grad() - plain.grad()), kTolerance);
  EXPECT_LE(largest(routing.probabilities - at::softmax(start, 1)), kTolerance);

  EXPECT_TRUE(sums.narrow(0, 0, size.experts).equal(exact.counts));
  const RouterFigures figures = router_figures(sums, size.k);
  EXPECT_NEAR(figures.balance_loss, exact.balance.item<double>(), kTolerance);
  EXPECT_NEAR(figures.z_loss, exact.z.item<double>(), kTolerance);
  EXPECT_NEAR(figures.entropy, exact.entropy, kTolerance);
}

TEST(Router, GradientAndSumsAreThoseOfTheDefinition) {
  for (const Case& size : kCases) {
    SCOPED_TRACE(size.name);
    const at::Tensor start = uniform({size.rows * size.length, size.experts}, 1);
    expect_definition(size, start, BalanceScope::kSequence, {}, {});
    // Counts of the step before: 1, 2, ... of the experts, the first one without any.
    at::Tensor last = empty_sums(size.experts);
    at::Tensor use = at::zeros({size.experts}, at::kDouble);
    for (std::int64_t e = 0; e < size.experts; ++e) last[e] = use[e] = static_cast<double>(e);
    last[size.experts] = 1234.0;  // its entropy plays no part
    use = size.experts > 1 ? use / use.mean() : use + 1;
    expect_definition(size, start, BalanceScope::kStep, last, use);
    // No step before: all experts count as used equally.
    expect_definition(size, start, BalanceScope::kStep, empty_sums(size.experts),
                      at::ones({size.experts}, at::kDouble));
  }
}

TEST(Router, EqualLogitsLeaveTheHigherExpertsIdle) {
  const Case size{"ties", 2, 5, 6, 2};
  const at::Tensor start = at::zeros({10, 6}, at::kDouble);
  expect_definition(size, start, BalanceScope::kSequence, {}, {});
  const at::Tensor sums = empty_sums(6);
  route(leaf(start), call_of(size, sums, {}, BalanceScope::kSequence, 0, 0));
  EXPECT_TRUE(sums.narrow(0, 0, 6).equal(at::tensor({10.0, 10.0, 0.0, 0.0, 0.0, 0.0})));
  const RouterFigures figures = router_figures(sums, 2);
  EXPECT_DOUBLE_EQ(figures.max_load, 3.0);
  EXPECT_DOUBLE_EQ(figures.idle_share, 4.0 / 6);
  EXPECT_DOUBLE_EQ(figures.entropy, std::log(6.0));
  EXPECT_DOUBLE_EQ(figures.balance_loss, 1.0);
  EXPECT_DOUBLE_EQ(figures.z_loss, std::pow(std::log(6.0), 2));
}

TEST(Router, RowsDoNotKnowOfEachOther) {
  const Case size{"", 4, 5, 6, 2};
  const at::Tensor start = uniform({20, 6}, 3);
  const auto gradient_of = [&](std::int64_t rows_at_once, const at::Tensor& sums) {
    const at::Tensor logits = leaf(start);
    std::vector<at::Tensor> parts;
    for (const at::Tensor& part : logits.split(rows_at_once * size.length)) {
      RouterCall call = call_of(size, sums, {}, BalanceScope::kSequence, 0.3, 0.07);
      call.rows = rows_at_once;
      parts.push_back(route(part, call).probabilities);
    }
    (at::cat(parts) * uniform(start.sizes(), 4)).sum().backward();
    return logits.grad();
  };
  const at::Tensor sums = empty_sums(6);
  const at::Tensor whole = gradient_of(4, sums);
  for (const std::int64_t rows : {1, 2}) {
    const at::Tensor split = empty_sums(6);
    EXPECT_TRUE(gradient_of(rows, split).equal(whole)) << rows;
    EXPECT_LE(largest(split - sums), kTolerance) << rows;
  }
}

TEST(Router, CountsOnlyWhatIsTrainedOn) {
  const Case size{"", 2, 5, 6, 2};
  const at::Tensor start = uniform({10, 6}, 5);
  const at::Tensor sums = empty_sums(6);
  const RouterCall call = call_of(size, sums, {}, BalanceScope::kSequence, 0.3, 0.07);
  const Routing trained = route(leaf(start), call);
  const at::Tensor once = sums.clone();
  EXPECT_GT(largest(once), 0);
  const Routing without_graph = route(start, call);
  EXPECT_TRUE(without_graph.probabilities.equal(trained.probabilities));
  EXPECT_TRUE(without_graph.experts.equal(trained.experts));
  {
    const at::NoGradGuard no_grad;
    route(leaf(start), call);
  }
  EXPECT_TRUE(sums.equal(once));
}

// A router without losses is the softmax that it was, bit for bit.
TEST(Router, WithoutLossesTheGradientIsThatOfSoftmax) {
  const Case size{"", 2, 5, 6, 2};
  const at::Tensor start = uniform({10, 6}, 6).to(at::kFloat);
  const at::Tensor weights = uniform({10, 6}, 7).to(at::kFloat);
  const at::Tensor logits = leaf(start);
  const RouterCall call =
      call_of(size, empty_sums(6).to(at::kFloat), {}, BalanceScope::kSequence, 0, 0);
  (route(logits, call).probabilities * weights).sum().backward();
  const at::Tensor plain = leaf(start);
  (at::softmax(plain, 1) * weights).sum().backward();
  EXPECT_TRUE(logits.grad().equal(plain.grad()));
}

}  // namespace
}  // namespace superpose::model
