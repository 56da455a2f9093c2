// Residual sum + RMS norm, head split + rotation, SwiGLU and AdamW: the CPU kernels at every
// instruction set against the composed forms in f64, and the composed forms' gradients against
// differences.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/zeros_like.h>

#include <limits>

#include "ops/adamw.h"
#include "ops/rms_norm.h"
#include "ops/rotary_heads.h"
#include "ops/swiglu.h"
#include "ops_test_support.h"
#include "support/names.h"

namespace superpose::ops {
namespace {

using superpose::test::names;
using test::difference;
using test::epsilon;
using test::leaf;
using test::max_abs;
using test::uniform;
using ::testing::HasSubstr;

constexpr std::int64_t kRows = 70;  // more than one part of the norm's weight gradient

// Rounding of a chain of some ten operations on numbers up to `magnitude`, results rounded to
// `type`, after f32 sums over `terms`.
double tolerance(at::ScalarType type, std::int64_t terms, double magnitude) {
  return (4 * epsilon(type) + epsilon(at::kFloat) * (10 + static_cast<double>(terms))) * magnitude;
}

at::ScalarType wide(at::ScalarType type) { return type == at::kDouble ? at::kDouble : at::kFloat; }

struct NormResult {
  at::Tensor sum, normed, grad_x, grad_delta, grad_weight;
};

// Forward and backward on `type` of numbers that are exact in bf16, so that f64 sees the same
// inputs.
NormResult run_norm(std::int64_t width, at::ScalarType type, bool with_delta) {
  const at::Tensor x = leaf(uniform({kRows, width}, at::kBFloat16, 1).to(type));
  const at::Tensor delta = leaf(uniform({kRows, width}, at::kBFloat16, 2).to(type));
  const at::Tensor weight = uniform({width}, at::kBFloat16, 3).to(wide(type));
  const at::Tensor grad_weight = at::zeros_like(weight);
  const auto [sum, normed] =
      add_rms_norm_accumulate(x, with_delta ? delta : at::Tensor(), weight, 1e-5, grad_weight);
  const at::Tensor into_sum = uniform({kRows, width}, at::kBFloat16, 4).to(type);
  const at::Tensor into_normed = uniform({kRows, width}, at::kBFloat16, 5).to(type);
  ((sum * into_sum).sum() + (normed * into_normed).sum()).backward();
  return {sum, normed, x.grad(), with_delta ? delta.grad() : x.grad(), grad_weight};
}

TEST(AddRmsNorm, KernelsAgreeWithF64AtEveryWidth) {
  for (const std::int64_t width : test::widths()) {
    SCOPED_TRACE(width);
    for (const bool with_delta : {true, false}) {
      const NormResult exact = run_norm(width, at::kDouble, with_delta);
      for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
        test::for_each_isa([&] {
          const NormResult result = run_norm(width, type, with_delta);
          EXPECT_EQ(result.normed.scalar_type(), type);
          // bf16 rounds the sum, and what follows sees the rounded one.
          const double grown = type == at::kBFloat16 ? 4 : 1;
          const auto expect = [&](const at::Tensor& a, const at::Tensor& b, std::int64_t terms) {
            EXPECT_LE(difference(a, b), grown * tolerance(type, terms, 1 + max_abs(b)));
          };
          expect(result.sum, exact.sum, 1);
          expect(result.normed, exact.normed, width);
          expect(result.grad_delta, exact.grad_delta, width);
          expect(result.grad_x, exact.grad_x, width);
          if (type == at::kFloat) expect(result.grad_weight, exact.grad_weight, kRows);
        });
      }
    }
  }
}

TEST(AddRmsNorm, ComposedFormIsTheFormulaAndItsGradientTheSlope) {
  const at::Tensor x = uniform({3, 7}, at::kDouble, 1);
  const at::Tensor weight = uniform({7}, at::kDouble, 2);
  const at::Tensor into = uniform({3, 7}, at::kDouble, 3);
  const auto value = [&](const at::Tensor& point) {
    const at::Tensor normed = point / (point.square().mean(-1, true) + 1e-5).sqrt() * weight;
    return (normed * into).sum().item<double>();
  };
  const at::Tensor input = leaf(x);
  const at::Tensor grad_weight = at::zeros_like(weight);
  const auto [sum, normed] =
      add_rms_norm_accumulate(input, at::Tensor(), weight, 1e-5, grad_weight);
  EXPECT_NEAR((normed * into).sum().item<double>(), value(x), 1e-13);
  (normed * into).sum().backward();
  for (std::int64_t i = 0; i < 21; ++i) {
    at::Tensor above = x.clone();
    at::Tensor below = x.clone();
    above.view(-1)[i] += 1e-6;
    below.view(-1)[i] -= 1e-6;
    // Central differences: rounding 1e-16 / 1e-6, third-order term 1e-12.
    EXPECT_NEAR((value(above) - value(below)) / 2e-6, input.grad().view(-1)[i].item<double>(),
                1e-8);
  }
  EXPECT_EQ(sum.data_ptr(), input.data_ptr());
}

TEST(AddRmsNorm, TheSameBitsForAnyNumberOfThreads) {
  const auto run = [](int threads) {
    const test::Threads scope(threads);
    return run_norm(300, at::kFloat, true);
  };
  const NormResult one = run(1);
  for (const int threads : {2, 3}) {
    const NormResult other = run(threads);
    EXPECT_TRUE(other.normed.equal(one.normed));
    EXPECT_TRUE(other.grad_x.equal(one.grad_x));
    EXPECT_TRUE(other.grad_weight.equal(one.grad_weight));
  }
}

TEST(AddRmsNorm, TakesStridedAndEmptyInputsAndRefusesOthers) {
  const at::Tensor weight = uniform({8}, at::kFloat, 1);
  const at::Tensor x = uniform({8, 6}, at::kFloat, 2);
  const at::Tensor none;
  const auto strided = add_rms_norm_accumulate(x.t(), x.t(), weight, 1e-5, none);
  const auto packed =
      add_rms_norm_accumulate(x.t().contiguous(), x.t().contiguous(), weight, 1e-5, none);
  EXPECT_TRUE(std::get<1>(strided).equal(std::get<1>(packed)));
  const at::Tensor empty = at::zeros({0, 8}, at::kFloat);
  EXPECT_EQ(std::get<1>(add_rms_norm_accumulate(empty, empty, weight, 1e-5, none)).size(0), 0);
  EXPECT_THAT(test::value_error([&] { add_rms_norm_accumulate(x, none, weight, 1e-5, none); }),
              names("add_rms_norm", "weight", "[6]"));
  EXPECT_THAT(test::value_error([&] { add_rms_norm_accumulate(x.t(), x, weight, 1e-5, none); }),
              names("add_rms_norm", "delta", "x"));
}

at::Tensor angles(std::int64_t length, std::int64_t half, at::ScalarType type) {
  return uniform({length, half}, at::kFloat, 9).mul(3).to(wide(type));
}

struct HeadsResult {
  at::Tensor q, k, v, grad, grad_q_norm, grad_k_norm;
};

HeadsResult run_heads(const HeadLayout& layout, at::ScalarType type, bool with_norms) {
  constexpr std::int64_t kBatch = 3;
  constexpr std::int64_t kLength = 50;  // more positions than one thread sums at a time
  const std::int64_t width = (layout.num_heads + 2 * layout.num_kv_heads) * layout.head_dim;
  const at::Tensor qkv = leaf(uniform({kBatch, kLength, width}, at::kBFloat16, 1).to(type));
  const at::Tensor angle = angles(kLength, layout.head_dim / 2, type);
  HeadNorms norms;
  if (with_norms) {
    norms.q_weight = uniform({layout.head_dim}, at::kBFloat16, 2).to(wide(type));
    norms.k_weight = uniform({layout.head_dim}, at::kBFloat16, 3).to(wide(type));
    norms.grad_q_weight = at::zeros_like(norms.q_weight);
    norms.grad_k_weight = at::zeros_like(norms.k_weight);
    norms.eps = 1e-6;
  }
  const auto [q, k, v] = rotary_heads_accumulate(qkv, {angle.cos(), angle.sin()}, layout, norms);
  const auto weighted = [&](const at::Tensor& heads, std::uint64_t seed) {
    return (heads * uniform(heads.sizes(), at::kBFloat16, seed).to(type)).sum();
  };
  (weighted(q, 4) + weighted(k, 5) + weighted(v, 6)).backward();
  return {q, k, v, qkv.grad(), norms.grad_q_weight, norms.grad_k_weight};
}

TEST(RotaryHeads, KernelsAgreeWithF64) {
  for (const HeadLayout layout : {HeadLayout{1, 1, 2}, HeadLayout{4, 2, 6}, HeadLayout{3, 3, 32},
                                  HeadLayout{8, 1, 34}, HeadLayout{2, 2, 130}}) {
    SCOPED_TRACE(layout.head_dim);
    for (const bool with_norms : {false, true}) {
      const HeadsResult exact = run_heads(layout, at::kDouble, with_norms);
      for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
        test::for_each_isa([&] {
          const HeadsResult result = run_heads(layout, type, with_norms);
          const auto expect = [&](const at::Tensor& a, const at::Tensor& b) {
            EXPECT_EQ(a.scalar_type(), type);
            EXPECT_LE(difference(a, b), tolerance(type, layout.head_dim, 1 + max_abs(b)));
          };
          expect(result.q, exact.q);
          expect(result.k, exact.k);
          EXPECT_EQ(difference(result.v, exact.v), 0);
          expect(result.grad, exact.grad);
          if (!with_norms || type != at::kFloat) return;
          expect(result.grad_q_norm, exact.grad_q_norm);
          expect(result.grad_k_norm, exact.grad_k_norm);
        });
      }
    }
  }
}

TEST(RotaryHeads, NormGradientsHaveTheSameBitsForAnyNumberOfThreads) {
  const HeadLayout layout{4, 2, 32};
  at::set_num_threads(1);
  const HeadsResult one = run_heads(layout, at::kFloat, /*with_norms=*/true);
  at::set_num_threads(2);
  const HeadsResult two = run_heads(layout, at::kFloat, /*with_norms=*/true);
  EXPECT_TRUE(two.grad.equal(one.grad));
  EXPECT_TRUE(two.grad_q_norm.equal(one.grad_q_norm));
  EXPECT_TRUE(two.grad_k_norm.equal(one.grad_k_norm));
}

TEST(RotaryHeads, TurnsHalvesByTheAngle) {
  const at::Tensor qkv = at::zeros({1, 1, 12}, at::kDouble);
  qkv.view(-1)[0] = 1.0;  // a of the first pair of the query
  qkv.view(-1)[7] = 1.0;  // b of the second pair of the key
  at::Tensor angle = at::zeros({1, 2}, at::kDouble);
  angle[0][0] = 0.5;
  angle[0][1] = 0.25;
  const auto [q, k, v] = rotary_heads_accumulate(qkv, {angle.cos(), angle.sin()}, {1, 1, 4}, {});
  EXPECT_NEAR(q[0][0][0][0].item<double>(), std::cos(0.5), 1e-15);
  EXPECT_NEAR(q[0][0][0][2].item<double>(), std::sin(0.5), 1e-15);
  EXPECT_NEAR(k[0][0][0][1].item<double>(), -std::sin(0.25), 1e-15);
  EXPECT_NEAR(k[0][0][0][3].item<double>(), std::cos(0.25), 1e-15);
  EXPECT_EQ(max_abs(v), 0);
}

// Rows that each stand at positions of their own come out as they would one by one.
TEST(RotaryHeads, RowsMayHavePositionsOfTheirOwn) {
  const HeadLayout layout{4, 2, 34};
  const std::int64_t width = (layout.num_heads + 2 * layout.num_kv_heads) * layout.head_dim;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kDouble}) {
    HeadNorms norms;
    norms.q_weight = uniform({layout.head_dim}, at::kFloat, 2).to(wide(type));
    norms.k_weight = uniform({layout.head_dim}, at::kFloat, 3).to(wide(type));
    norms.eps = 1e-6;
    const at::Tensor angle = uniform({3, 20, layout.head_dim / 2}, at::kFloat, 4).to(wide(type));
    for (const HeadNorms& with : {HeadNorms{}, norms}) {
      test::for_each_isa([&] {
        const at::Tensor qkv = leaf(uniform({3, 20, width}, at::kBFloat16, 1).to(type));
        const auto all = rotary_heads_accumulate(qkv, {angle.cos(), angle.sin()}, layout, with);
        (std::get<0>(all).square().sum() + std::get<1>(all).square().mul(2).sum()).backward();
        for (std::int64_t row = 0; row < 3; ++row) {
          const at::Tensor alone = leaf(qkv.detach().narrow(0, row, 1).clone());
          const auto one =
              rotary_heads_accumulate(alone, {angle[row].cos(), angle[row].sin()}, layout, with);
          (std::get<0>(one).square().sum() + std::get<1>(one).square().mul(2).sum()).backward();
          EXPECT_TRUE(std::get<0>(all)[row].equal(std::get<0>(one)[0]));
          EXPECT_TRUE(std::get<1>(all)[row].equal(std::get<1>(one)[0]));
          EXPECT_TRUE(std::get<2>(all)[row].equal(std::get<2>(one)[0]));
          EXPECT_TRUE(qkv.grad()[row].equal(alone.grad()[0]));
        }
      });
    }
  }
}

TEST(DecoderOps, RefuseAnEpsThatIsNotANumber) {
  const at::Tensor none;
  const at::Tensor x = at::zeros({2, 4}, at::kFloat);
  const at::Tensor weight = at::ones({4}, at::kFloat);
  const at::Tensor qkv = at::zeros({1, 2, 12}, at::kFloat);
  const at::Tensor table = at::zeros({2, 2}, at::kFloat);
  for (const double eps :
       {-1e-5, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(test::value_error([&] { add_rms_norm_accumulate(x, none, weight, eps, none); }),
                names("add_rms_norm", "eps", "finite", ">= 0"));
    HeadNorms norms;
    norms.eps = eps;
    EXPECT_THAT(test::value_error([&] {
                  rotary_heads_accumulate(qkv, {table, table}, {1, 1, 4}, norms);
                }),
                names("rotary_heads", "eps", "finite", ">= 0"));
  }
  const at::Tensor state = at::zeros({4}, at::kFloat);
  AdamWStep step;
  step.learning_rate = std::numeric_limits<double>::infinity();
  EXPECT_THAT(test::value_error([&] { adamw_update(state, state, state, state, step); }),
              names("adamw_update", "finite", "inf"));
}

TEST(RotaryHeads, RefusesWhatDoesNotFit) {
  const at::Tensor qkv = at::zeros({1, 2, 12}, at::kFloat);
  const at::Tensor table = at::zeros({2, 2}, at::kFloat);
  EXPECT_THAT(test::value_error([&] {
                rotary_heads_accumulate(qkv, {table, table}, {2, 1, 4}, {});
              }),
              names("rotary_heads", "qkv", "[B, L, 16]"));
  EXPECT_THAT(test::value_error([&] {
                rotary_heads_accumulate(qkv, {table, table.narrow(0, 0, 1)}, {1, 1, 4}, {});
              }),
              names("rotary_heads", "cosines", "sines", "[2, 2]"));
  EXPECT_THAT(test::value_error([&] {
                rotary_heads_accumulate(qkv, {table, table}, {1, 1, 3}, {});
              }),
              HasSubstr("head_dim even"));
  EXPECT_THAT(test::value_error([&] {
                const at::Tensor tables = at::zeros({2, 2, 2}, at::kFloat);
                rotary_heads_accumulate(qkv, {tables, tables}, {1, 1, 4}, {});
              }),
              names("[2, 2] or [1, 2, 2]", "Float", "[2, 2, 2]"));
  HeadNorms norms;
  norms.q_weight = at::zeros({4}, at::kFloat);
  EXPECT_THAT(test::value_error([&] {
                rotary_heads_accumulate(qkv, {table, table}, {1, 1, 4}, norms);
              }),
              names("queries", "keys"));
}

// Gate values far out too, where the exponential saturates.
at::Tensor gate_up_input(std::int64_t width, at::ScalarType type) {
  at::Tensor input = uniform({5, 2 * width}, at::kDouble, 1).mul(4);
  input[0][0] = 300.0;
  input[1][0] = -300.0;
  return leaf(input.to(at::kBFloat16).to(type));
}

TEST(SwiGlu, KernelsAgreeWithF64AtEveryWidth) {
  for (const std::int64_t width : test::widths()) {
    SCOPED_TRACE(width);
    const at::Tensor exact_input = gate_up_input(width, at::kDouble);
    const at::Tensor into = uniform({5, width}, at::kBFloat16, 2);
    const at::Tensor gate = exact_input.detach().narrow(1, 0, width);
    const at::Tensor exact =
        gate * at::sigmoid(gate) * exact_input.detach().narrow(1, width, width);
    const at::Tensor composed = swiglu(exact_input);
    EXPECT_LE(difference(composed, exact), 1e-12);
    (composed * into.to(at::kDouble)).sum().backward();
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      test::for_each_isa([&] {
        const at::Tensor input = gate_up_input(width, type);
        const at::Tensor result = swiglu(input);
        (result * into.to(type)).sum().backward();
        EXPECT_EQ(result.scalar_type(), type);
        // Relative to each element: none of the factors cancels but 1 + gate * (1 - sigmoid), of
        // size up to 4.
        const auto close = [&](const at::Tensor& a, const at::Tensor& b) {
          const at::Tensor off = (a.detach().to(at::kDouble) - b).abs();
          EXPECT_TRUE((off <= tolerance(type, 8, 1) * (4 + b.abs())).all().item<bool>());
        };
        close(result, exact);
        close(input.grad(), exact_input.grad());
      });
    }
  }
}

TEST(SwiGlu, GradientIsTheSlope) {
  const at::Tensor input = leaf(uniform({2, 6}, at::kDouble, 1).mul(3));
  swiglu(input).sum().backward();
  for (std::int64_t i = 0; i < 12; ++i) {
    at::Tensor above = input.detach().clone();
    at::Tensor below = input.detach().clone();
    above.view(-1)[i] += 1e-6;
    below.view(-1)[i] -= 1e-6;
    const double slope = (swiglu(above).sum() - swiglu(below).sum()).item<double>() / 2e-6;
    EXPECT_NEAR(slope, input.grad().view(-1)[i].item<double>(), 1e-8);
  }
  EXPECT_THAT(test::value_error([] {
                swiglu(at::zeros({2, 3}, at::kFloat));
              }),
              names("swiglu", "gate_up", "[N, 2 F]"));
  EXPECT_EQ(swiglu(at::zeros({0, 4}, at::kFloat)).size(0), 0);
}

// A second derivative would be without the operator's part, so it is refused.
TEST(DecoderOps, HaveNoSecondDerivative) {
  const auto refuses = [](const at::Tensor& result) {
    EXPECT_THROW(result.sum().backward({}, std::nullopt, /*create_graph=*/true),
                 c10::NotImplementedError);
  };
  const at::Tensor x = leaf(uniform({2, 8}, at::kFloat, 1));
  refuses(swiglu(x));
  refuses(std::get<1>(add_rms_norm_accumulate(x, {}, at::full({8}, 1, at::kFloat), 1e-5, {})));
  const at::Tensor angles = at::zeros({2, 2}, at::kFloat);
  refuses(std::get<0>(
      rotary_heads_accumulate(leaf(uniform({1, 2, 12}, at::kFloat, 2)), {angles, angles},
                              {.num_heads = 1, .num_kv_heads = 1, .head_dim = 4}, {})));
}

TEST(DecoderOps, NormsAddIntoDenseBuffersOnly) {
  const at::Tensor strided = at::zeros({16}, at::kFloat).slice(0, 0, 16, 2);
  EXPECT_THAT(test::value_error([&] {
                add_rms_norm_accumulate(at::zeros({2, 8}, at::kFloat), {},
                                        at::full({8}, 1, at::kFloat), 1e-5, strided);
              }),
              names("grad_weight", "contiguous"));
}

TEST(AdamWUpdate, TheComposedFormAgreesWithTheKernels) {
  // The form that other devices use, called on CPU tensors through the meta device's slot, where it
  // is registered too.
  using Update =
      void(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, double,
           double, double, double, double, double, std::int64_t, const std::optional<at::Tensor>&);
  const auto composed = c10::Dispatcher::singleton()
                            .findSchemaOrThrow("superpose::_adamw_update_", "")
                            .typed<Update>();
  const at::Tensor start = uniform({1001}, at::kFloat, 1);
  const at::Tensor gradient = uniform({1001}, at::kFloat, 2);
  const auto run = [&](const auto& update) {
    std::vector<at::Tensor> state = {start.clone(), at::zeros_like(start), at::zeros_like(start),
                                     at::zeros_like(start, at::kBFloat16)};
    for (std::int64_t step = 1; step <= 3; ++step) update(state, step);
    return state;
  };
  const auto expected = run([&](std::vector<at::Tensor>& s, std::int64_t step) {
    composed.redispatch(c10::DispatchKeySet(c10::DispatchKey::Meta), s[0], gradient, s[1], s[2],
                        1e-2, 0.9, 0.95, 1e-8, 0.1, 0.5, step, s[3]);
  });
  EXPECT_GT(difference(expected[0], start), 1e-3);
  EXPECT_TRUE(at::equal(expected[3], expected[0].to(at::kBFloat16)));
  test::for_each_isa([&] {
    const auto state = run([&](std::vector<at::Tensor>& s, std::int64_t step) {
      adamw_update(s[0], gradient, s[1], s[2],
                   {.learning_rate = 1e-2, .weight_decay = 0.1, .grad_scale = 0.5, .step = step},
                   s[3]);
    });
    EXPECT_TRUE(at::equal(state[3], state[0].to(at::kBFloat16)));
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_LE(difference(state[i], expected[i]), 20 * epsilon(at::kFloat) * max_abs(expected[i]));
    }
  });
  EXPECT_THAT(
      test::value_error([&] { adamw_update(start, gradient.narrow(0, 0, 5), start, start, {}); }),
      names("adamw_update", "contiguous", "float32", "[1001]"));
}

}  // namespace
}  // namespace superpose::ops
