#include "ops/expert_mlp.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <limits>
#include <numeric>

#include "ops/routing.h"
#include "unit/ops/ops_test_support.h"

namespace superpose::ops::test {
namespace {

std::vector<std::int64_t> numbers(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  const auto* first = dense.const_data_ptr<std::int64_t>();
  return {first, first + dense.numel()};
}

TEST(TopExperts, AreTheBestByDescendingScore) {
  const at::Tensor scores =
      at::tensor({0.1F, 0.4F, 0.2F, 0.3F, 0.9F, 0.0F, 0.05F, 0.05F}).view({2, 4});
  EXPECT_EQ(numbers(top_experts(scores, 2)), (std::vector<std::int64_t>{1, 3, 0, 2}));
  EXPECT_EQ(numbers(top_experts(scores, 4)), (std::vector<std::int64_t>{1, 3, 2, 0, 0, 2, 3, 1}));
}

TEST(TopExperts, TakeTheLowerOfEqualScores) {
  EXPECT_EQ(numbers(top_experts(at::full({2, 5}, 0.2F), 3)),
            (std::vector<std::int64_t>{0, 1, 2, 0, 1, 2}));
  const at::Tensor scores = at::tensor({0.1F, 0.3F, 0.3F, 0.3F}).view({1, 4});
  EXPECT_EQ(numbers(top_experts(scores, 2)), (std::vector<std::int64_t>{1, 2}));
}

TEST(TopExperts, PutWhatIsNotANumberLast) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor scores = at::tensor({nan, 0.3F, nan}).view({1, 3});
  EXPECT_EQ(numbers(top_experts(scores, 3)), (std::vector<std::int64_t>{1, 0, 2}));
}

TEST(TopExperts, RefuseWhatDoesNotFit) {
  const at::Tensor scores = at::ones({2, 4});
  EXPECT_THROW(top_experts(scores, 0), c10::ValueError);
  EXPECT_THROW(top_experts(scores, 5), c10::ValueError);
  EXPECT_THROW(top_experts(scores.flatten(), 1), c10::ValueError);
}

TEST(PackByExpert, SortsPairsStably) {
  const at::Tensor experts =
      at::tensor({2, 0, 0, 3, 2, 3}, at::TensorOptions().dtype(at::kLong)).view({3, 2});
  const PackedPairs packed = pack_by_expert(experts, 5);
  EXPECT_EQ(packed.begins, (std::vector<std::int64_t>{0, 2, 2, 4, 6, 6}));
  EXPECT_EQ(numbers(packed.pairs), (std::vector<std::int64_t>{1, 2, 0, 4, 3, 5}));
  EXPECT_EQ(numbers(packed.positions), (std::vector<std::int64_t>{0, 1, 0, 2, 1, 2}));
  EXPECT_EQ(numbers(packed.rows), (std::vector<std::int64_t>{2, 0, 1, 4, 3, 5}));
  EXPECT_THROW(pack_by_expert(experts, 3), c10::ValueError);
}

struct Case {
  std::int64_t positions, width, experts, inner, k;
};

struct Problem {
  Problem(const Case& size, at::ScalarType type)
      : wide(type == at::kDouble ? at::kDouble : at::kFloat),
        x(leaf(uniform({size.positions, size.width}, type, 1))),
        gate_up(uniform({size.experts, 2 * size.inner, size.width}, type, 2)),
        down(uniform({size.experts, size.width, size.inner}, type, 3)),
        grad(uniform({size.positions, size.width}, type, 4)),
        grad_gate_up(at::ones(gate_up.sizes(), wide)),
        grad_down(at::ones(down.sizes(), wide)) {
    const at::Tensor scores =
        at::softmax(uniform({size.positions, size.experts}, at::kFloat, 5).mul(4), -1);
    experts = top_experts(scores, size.k);
    shares = leaf(scores.gather(1, experts).to(wide));
  }
  at::Tensor run() const {
    return expert_mlp_accumulate(x, experts, shares, {gate_up, down, grad_gate_up, grad_down});
  }

  at::ScalarType wide;
  at::Tensor x, gate_up, down, grad, grad_gate_up, grad_down, experts, shares;
};

// The definition in f64, one pair after the other, differentiated by PyTorch.
struct Exact {
  explicit Exact(const Problem& problem)
      : x(leaf(problem.x.detach().to(at::kDouble))),
        shares(leaf(problem.shares.detach().to(at::kDouble))),
        gate_up(leaf(problem.gate_up.to(at::kDouble))),
        down(leaf(problem.down.to(at::kDouble))) {
    std::vector<at::Tensor> rows;
    for (std::int64_t n = 0; n < x.size(0); ++n) {
      at::Tensor sum = at::zeros({x.size(1)}, x.options());
      for (std::int64_t j = 0; j < shares.size(1); ++j) {
        const std::int64_t e = problem.experts[n][j].item<std::int64_t>();
        const at::Tensor both = gate_up[e].matmul(x[n]);
        const auto halves = both.chunk(2);
        sum = sum + shares[n][j] * down[e].matmul(at::silu(halves[0]) * halves[1]);
      }
      rows.push_back(sum);
    }
    y = at::stack(rows);
    y.backward(problem.grad.to(at::kDouble));
  }
  at::Tensor x, shares, gate_up, down, y;
};

TEST(ExpertMlp, IsItsDefinitionForwardAndBackward) {
  for (const at::ScalarType type : kTypes) {
    for (const Case& size :
         {Case{1, 3, 1, 2, 1}, Case{7, 8, 4, 5, 2}, Case{20, 16, 6, 8, 6}, Case{3, 8, 16, 4, 2}}) {
      SCOPED_TRACE(testing::Message() << type << " " << size.positions << " " << size.experts);
      const Problem problem(size, type);
      const at::Tensor y = problem.run();
      y.backward(problem.grad);
      const Exact exact(problem);
      // Inputs are at most 1, so a sum over n terms is off by n roundings of at most n.
      const double terms =
          static_cast<double>(std::max({size.width, 2 * size.inner, size.positions, size.k}) + 1);
      const double tolerance = 8 * terms * terms * epsilon(type);
      EXPECT_EQ(y.scalar_type(), type);
      EXPECT_LE(difference(y, exact.y), tolerance);
      EXPECT_LE(difference(problem.x.grad(), exact.x.grad()), tolerance * terms);
      EXPECT_LE(difference(problem.shares.grad(), exact.shares.grad()), tolerance * terms);
      EXPECT_LE(difference(problem.grad_gate_up - 1, exact.gate_up.grad()), tolerance * terms);
      EXPECT_LE(difference(problem.grad_down - 1, exact.down.grad()), tolerance * terms);
    }
  }
}

// Sizes at which rows, widths and depths fall into several blocks, against the operator itself in
// f64, which takes another path.
TEST(ExpertMlp, IsItselfInF64WhereItIsCutIntoBlocks) {
  for_each_isa([] {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      for (const Case& size : {Case{700, 40, 2, 34, 1}, Case{90, 530, 3, 290, 2},
                               Case{70, 33, 4, 30, 2}, Case{70, 32, 4, 31, 3}}) {
        SCOPED_TRACE(testing::Message() << type << " " << size.positions << " " << size.width);
        const Problem problem(size, type);
        Problem exact(size, at::kDouble);
        exact.x = leaf(problem.x.detach().to(at::kDouble));
        exact.gate_up = problem.gate_up.to(at::kDouble);
        exact.down = problem.down.to(at::kDouble);
        const at::Tensor y = problem.run();
        y.backward(problem.grad);
        const at::Tensor exact_y = exact.run();
        exact_y.backward(problem.grad.to(at::kDouble));
        const auto expect_near = [type](const at::Tensor& actual, const at::Tensor& expected) {
          const double scale = max_abs(expected);
          EXPECT_LE(difference(actual, expected),
                    (type == at::kFloat ? 64 : 4) * epsilon(type) * scale);
        };
        expect_near(y, exact_y);
        expect_near(problem.x.grad(), exact.x.grad());
        expect_near(problem.shares.grad(), exact.shares.grad());
        expect_near(problem.grad_gate_up, exact.grad_gate_up);
        expect_near(problem.grad_down, exact.grad_down);
      }
    }
  });
}

// What another expert's rows hold does not reach an expert's sums.
TEST(ExpertMlp, KeepsWhatIsNotANumberInTheExpertThatHasIt) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    Problem problem({40, 16, 2, 16, 1}, type);
    problem.experts = integers(2, {40, 1}, 6);
    at::Tensor x = problem.x.detach();
    x.masked_fill_(problem.experts.eq(1), std::numeric_limits<float>::quiet_NaN());
    const at::Tensor y = problem.run();
    y.backward(problem.grad);
    EXPECT_FALSE(problem.grad_gate_up[0].isnan().any().item<bool>());
    EXPECT_TRUE(problem.grad_gate_up[1].isnan().any().item<bool>());
    EXPECT_EQ(y.isnan().any(1).sum().item<std::int64_t>(),
              problem.experts.sum().item<std::int64_t>());
  }
}

TEST(ExpertMlp, TakesNoPositionAtAll) {
  const Problem problem({0, 4, 3, 2, 2}, at::kFloat);
  const at::Tensor y = problem.run();
  EXPECT_EQ(y.sizes(), at::IntArrayRef({0, 4}));
  y.sum().backward();
  EXPECT_EQ(problem.grad_down.sum().item<double>(), static_cast<double>(problem.down.numel()));
}

// Sums have a fixed order: the number of threads changes no bit.
TEST(ExpertMlp, GivesTheSameBitsForAnyNumberOfThreads) {
  const auto run = [](at::ScalarType type, int threads) {
    const int before = at::get_num_threads();
    at::set_num_threads(threads);
    const Problem problem({300, 32, 8, 24, 2}, type);
    const at::Tensor y = problem.run();
    y.backward(problem.grad);
    at::set_num_threads(before);
    std::vector<at::Tensor> all;
    for (const at::Tensor& part :
         {y, problem.x.grad(), problem.shares.grad(), problem.grad_gate_up, problem.grad_down}) {
      all.push_back(part.detach().flatten().to(at::kDouble));
    }
    return at::cat(all);
  };
  for (const at::ScalarType type : kTypes) EXPECT_TRUE(run(type, 1).equal(run(type, 2))) << type;
}

TEST(ExpertMlp, RecordsOnlyWhatIsWanted) {
  const Problem problem({4, 6, 3, 2, 2}, at::kFloat);
  EXPECT_FALSE(expert_mlp_accumulate(problem.x.detach(), problem.experts, problem.shares.detach(),
                                     {problem.gate_up, problem.down, {}, {}})
                   .requires_grad());
}

TEST(ExpertMlp, RefusesWhatDoesNotFit) {
  const Problem problem({4, 6, 3, 2, 2}, at::kFloat);
  const auto run = [&](const ExpertWeights& weights) {
    expert_mlp_accumulate(problem.x, problem.experts, problem.shares, weights);
  };
  EXPECT_THROW(run({problem.gate_up.narrow(1, 0, 3), problem.down, {}, {}}), c10::ValueError);
  EXPECT_THROW(run({problem.gate_up, problem.down.narrow(0, 0, 2), {}, {}}), c10::ValueError);
  EXPECT_THROW(run({problem.gate_up.to(at::kDouble), problem.down, {}, {}}), c10::ValueError);
  EXPECT_THROW(expert_mlp_accumulate(problem.x, problem.experts.narrow(0, 0, 3), problem.shares,
                                     {problem.gate_up, problem.down, {}, {}}),
               c10::ValueError);
}

}  // namespace
}  // namespace superpose::ops::test
