// Causal attention: the kernels at every instruction set, the composed form and libtorch's against
// one composition in f64.
#include "ops/causal_attention.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include <limits>

#include "ops/cpu/attention_kernel.h"
#include "ops/cpu/bf16_products.h"
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

struct Shape {
  std::int64_t batch, length, heads, kv_heads, width;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  return out << shape.batch << " x " << shape.length << ", heads " << shape.heads << " / "
             << shape.kv_heads << " of " << shape.width;
}

// Blocks of queries are 64 long, tiles of keys 128: below, at and beyond both; odd widths; all
// kinds of groups, also such that backward splits into parts of several heads (9 x 2 groups in 2).
const std::vector<Shape> kShapes = {{1, 1, 1, 1, 1},    {2, 2, 2, 1, 8},    {1, 15, 2, 2, 16},
                                    {1, 63, 3, 3, 24},  {2, 64, 2, 2, 32},  {1, 65, 4, 2, 40},
                                    {1, 127, 1, 1, 5},  {1, 128, 3, 1, 64}, {1, 129, 2, 2, 6},
                                    {3, 200, 6, 2, 32}, {1, 257, 2, 1, 80}, {1, 321, 2, 2, 128},
                                    {9, 67, 8, 2, 8}};

struct Case {
  at::Tensor q, k, v, into;  // `into`: the gradient of the result
  at::Tensor starts;         // undefined: one document
};

// Numbers that are exact in bf16, so that f64 sees the same inputs. Queries are large enough for
// some rows to attend to almost one key alone.
Case make_case(const Shape& s, at::ScalarType type) {
  const auto make = [&](std::int64_t heads, std::uint64_t seed) {
    return uniform({s.batch, s.length, heads, s.width}, at::kBFloat16, seed).to(type);
  };
  return {leaf(make(s.heads, 1) * 4), leaf(make(s.kv_heads, 2)), leaf(make(s.kv_heads, 3)),
          make(s.heads, 4).flatten(2), at::Tensor()};
}

// Documents of about `size` positions, other ones in every row.
at::Tensor make_starts(std::int64_t batch, std::int64_t length, std::int64_t size) {
  at::Tensor starts = at::zeros({batch, length}, at::kLong);
  auto* data = starts.mutable_data_ptr<std::int64_t>();
  for (std::int64_t row = 0; row < batch; ++row) {
    std::int64_t start = 0;
    for (std::int64_t i = 0; i < length; ++i) {
      if (i - start >= size + (7 * i + 3 * row) % 5) start = i;
      data[row * length + i] = start;
    }
  }
  return starts;
}

struct Result {
  at::Tensor out, grad_q, grad_k, grad_v;
};

Result run(const Case& c) {
  const at::Tensor out = causal_attention(c.q, c.k, c.v, c.starts);
  out.backward(c.into);
  return {out.detach(), c.q.grad(), c.k.grad(), c.v.grad()};
}

// The definition, differentiated by libtorch.
Result run_definition(const Case& c) {
  const std::int64_t heads = c.q.size(2);
  const auto by_head = [&](const at::Tensor& x) {
    return x.repeat_interleave(heads / x.size(2), 2).transpose(1, 2);  // [B, H, L, h]
  };
  const at::Tensor position = at::arange(c.q.size(1), at::kLong);
  at::Tensor left_out = position > position.unsqueeze(1);
  if (c.starts.defined()) {
    left_out = left_out.logical_or(position < c.starts.unsqueeze(-1)).unsqueeze(1);
  }
  const at::Tensor scores = at::matmul(by_head(c.q), by_head(c.k).transpose(2, 3)) /
                            std::sqrt(static_cast<double>(c.q.size(3)));
  const at::Tensor p =
      at::softmax(scores.masked_fill(left_out, -std::numeric_limits<double>::infinity()), -1);
  const at::Tensor out = at::matmul(p, by_head(c.v)).transpose(1, 2).flatten(2);
  out.backward(c.into);
  return {out.detach(), c.q.grad(), c.k.grad(), c.v.grad()};
}

// Scores are sums of `width` products below 4 in f32, and an error in a score is a relative one of
// its exponential; the sums that follow have up to `length` terms. bf16 rounds the result, and the
// gradient's mean sees the rounded result; exponentials and gradients of scores are rounded as
// operands, half an epsilon of each term of their sums; libtorch rounds each head's part of a
// gradient.
double tolerance(at::ScalarType type, const Shape& s, double magnitude) {
  const auto width = static_cast<double>(s.width);
  const double score = epsilon(at::kFloat) * (8 + 4 * std::sqrt(width));
  const double sums = epsilon(at::kFloat) * std::sqrt(static_cast<double>(s.length));
  const double rounded =
      type == at::kBFloat16 ? epsilon(type) * static_cast<double>(s.heads / s.kv_heads) : 0;
  return (4 * score + 4 * sums + rounded) * (1 + magnitude);
}

void expect_close(const Result& result, const Result& exact, at::ScalarType type, const Shape& s) {
  const auto expect = [&](const char* name, const at::Tensor& actual, const at::Tensor& expected) {
    EXPECT_EQ(actual.scalar_type(), type) << name;
    EXPECT_EQ(actual.sizes(), expected.sizes()) << name;
    EXPECT_LE(difference(actual, expected), tolerance(type, s, max_abs(expected))) << name;
  };
  expect("out", result.out, exact.out);
  expect("grad q", result.grad_q, exact.grad_q);
  expect("grad k", result.grad_k, exact.grad_k);
  expect("grad v", result.grad_v, exact.grad_v);
}

TEST(CausalAttention, AgreesWithF64AtEveryLevel) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(testing::PrintToString(shape));
    const Result exact = run_definition(make_case(shape, at::kDouble));
    for (const at::ScalarType type : test::kTypes) {
      SCOPED_TRACE(type);
      test::for_each_isa([&] { expect_close(run(make_case(shape, type)), exact, type, shape); });
    }
  }
}

TEST(CausalAttention, DocumentsDoNotSeeEachOther) {
  for (const Shape& shape : {Shape{1, 129, 2, 2, 6}, Shape{3, 300, 4, 2, 16}}) {
    SCOPED_TRACE(testing::PrintToString(shape));
    for (const std::int64_t size : {1, 40, 150, 1000}) {
      SCOPED_TRACE(size);
      const auto packed = [&](at::ScalarType type) {
        Case c = make_case(shape, type);
        c.starts = make_starts(shape.batch, shape.length, size);
        return c;
      };
      const Result exact = run_definition(packed(at::kDouble));
      for (const at::ScalarType type : test::kTypes) {
        SCOPED_TRACE(type);
        expect_close(run(packed(type)), exact, type, shape);
      }
    }
  }
}

// One of the two is what the public function takes on a CPU; both must be right on every one that
// has them.
TEST(CausalAttention, BothFormsOfBf16AgreeWithF64) {
  const auto expect = [](const auto& forward, const auto& backward) {
    for (const Shape& shape : kShapes) {
      SCOPED_TRACE(testing::PrintToString(shape));
      const Result exact = run_definition(make_case(shape, at::kDouble));
      const Case c = make_case(shape, at::kBFloat16);
      const auto [out, logsumexp] = forward(c.q.detach(), c.k.detach(), c.v.detach(), std::nullopt);
      const auto [grad_q, grad_k, grad_v] =
          backward(c.into, c.q.detach(), c.k.detach(), c.v.detach(), std::nullopt, out, logsumexp);
      expect_close({out, grad_q, grad_k, grad_v}, exact, at::kBFloat16, shape);
    }
  };
  expect(cpu::causal_attention, cpu::causal_attention_backward);
  if (!cpu::has_bf16_products()) GTEST_SKIP() << "skipped: needs AVX-512 bf16 or AMX";
  test::for_each_isa(
      [&] { expect(cpu::causal_attention_bf16, cpu::causal_attention_bf16_backward); });
}

TEST(CausalAttention, TheSameBitsForAnyNumberOfThreadsAndInEveryRun) {
  for (const Shape shape :
       {Shape{3, 200, 6, 2, 32}, Shape{1, 321, 1, 1, 16}, Shape{9, 67, 8, 2, 8}}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const auto run_on = [&](int threads) {
        const test::Threads scope(threads);
        return run(make_case(shape, type));
      };
      const Result one = run_on(1);
      for (const int threads : {1, 2, 3, 8}) {
        const Result other = run_on(threads);
        EXPECT_TRUE(other.out.equal(one.out));
        EXPECT_TRUE(other.grad_q.equal(one.grad_q));
        EXPECT_TRUE(other.grad_k.equal(one.grad_k));
        EXPECT_TRUE(other.grad_v.equal(one.grad_v));
      }
    }
  }
}

TEST(CausalAttention, LaterPositionsChangeNoBitOfEarlierOnes) {
  const Shape shape{1, 300, 2, 1, 32};
  const auto check = [&](at::ScalarType type) {
    const Case c = make_case(shape, type);
    const at::Tensor before = causal_attention(c.q, c.k, c.v);
    for (const std::int64_t cut : {1, 63, 64, 65, 130, 299}) {
      SCOPED_TRACE(cut);
      const auto changed = [&](const at::Tensor& x) {
        const at::Tensor copy = x.detach().clone();
        copy.narrow(1, cut, shape.length - cut).mul_(-30).add_(5);
        return copy;
      };
      const at::Tensor after = causal_attention(changed(c.q), changed(c.k), changed(c.v));
      EXPECT_TRUE(after.narrow(1, 0, cut).equal(before.narrow(1, 0, cut)));
      EXPECT_FALSE(after.narrow(1, cut, 1).equal(before.narrow(1, cut, 1)));
    }
  };
  test::for_each_isa([&] { check(at::kFloat); });
  check(at::kBFloat16);
}

TEST(CausalAttention, AConstantAddedToAllScoresChangesNothingEvenALargeOne) {
  // Scores of +- 40,000: exponentials that only a running maximum keeps finite, rising along the
  // keys in one head and falling in the other.
  const std::int64_t length = 200;
  const at::Tensor ramp = at::arange(length, at::kFloat).view({1, length, 1, 1});
  const at::Tensor q = at::zeros({1, length, 2, 1}, at::kFloat).add_(1);
  const at::Tensor k = at::cat({ramp * 200, ramp * -200}, 2);
  const at::Tensor v = uniform({1, length, 2, 1}, at::kFloat, 1);
  test::for_each_isa([&] {
    const at::Tensor out = causal_attention(q, k, v);
    EXPECT_EQ(difference(out.narrow(2, 0, 1), v.select(2, 0)), 0);  // all weight on itself
    EXPECT_EQ(difference(out.narrow(2, 1, 1), v.select(2, 1).narrow(1, 0, 1)), 0);  // on the first
  });
}

TEST(CausalAttention, TakesStridedAndEmptyInputs) {
  const Shape shape{2, 70, 2, 2, 16};
  const Case c = make_case(shape, at::kFloat);
  const auto strided = [](const at::Tensor& x) {
    return x.detach().transpose(1, 2).contiguous().transpose(1, 2).set_requires_grad(true);
  };
  const Case other{strided(c.q), strided(c.k), strided(c.v), c.into, at::Tensor()};
  const Result expected = run(c);
  const Result result = run(other);
  EXPECT_TRUE(result.out.equal(expected.out));
  EXPECT_TRUE(result.grad_k.equal(expected.grad_k));
  for (const Shape empty : {Shape{0, 5, 4, 2, 8}, Shape{2, 0, 4, 2, 8}}) {
    const Case none = make_case(empty, at::kFloat);
    EXPECT_EQ(run(none).out.sizes(), at::IntArrayRef({empty.batch, empty.length, 32}));
    EXPECT_EQ(none.k.grad().sizes(), none.k.sizes());
  }
}

TEST(CausalAttention, RunsOnTheMetaDevice) {
  const at::Tensor q =
      at::empty({2, 10, 4, 8}, at::TensorOptions(at::kMeta)).set_requires_grad(true);
  const at::Tensor k =
      at::empty({2, 10, 2, 8}, at::TensorOptions(at::kMeta)).set_requires_grad(true);
  const at::Tensor starts = at::empty({2, 10}, at::TensorOptions(at::kMeta).dtype(at::kLong));
  for (const at::Tensor& documents : {at::Tensor(), starts}) {
    const at::Tensor out = causal_attention(q, k, k, documents);
    EXPECT_EQ(out.sizes(), at::IntArrayRef({2, 10, 32}));
    out.sum().backward();
    EXPECT_EQ(k.grad().sizes(), k.sizes());
  }
}

TEST(CausalAttention, RefusesWrongArguments) {
  const auto zeros = [](at::IntArrayRef shape) { return at::zeros(shape, at::kFloat); };
  const at::Tensor q = zeros({2, 5, 4, 8});
  const at::Tensor k = zeros({2, 5, 2, 8});
  const auto error = [&](const at::Tensor& a, const at::Tensor& b, const at::Tensor& c,
                         const at::Tensor& starts = {}) {
    return test::value_error([&] { causal_attention(a, b, c, starts); });
  };
  EXPECT_EQ(error(q, k, k), "");
  EXPECT_THAT(error(q.flatten(2), k, k), names("q", "[B, L, H, h]", "[2, 5, 32]"));
  EXPECT_THAT(error(q.to(at::kHalf), k, k), names("q", "type", "Half"));
  EXPECT_THAT(error(q, zeros({2, 5, 3, 8}), k), names("divisor of 4", "[2, 5, 3, 8]"));
  EXPECT_THAT(error(q, k, zeros({2, 5, 4, 8})), names("k and v", "[2, 5, K, 8]"));
  EXPECT_THAT(error(q, k, zeros({2, 6, 2, 8})), HasSubstr("got [2, 6, 2, 8]"));
  EXPECT_THAT(error(q, k.to(at::kDouble), k), names("Float", "[2, 5, 2, 8]", "Double"));
  const at::Tensor starts = at::zeros({2, 5}, at::kLong);
  EXPECT_EQ(error(q, k, k, starts), "");
  EXPECT_THAT(error(q, k, k, starts.to(at::kInt)), names("document_starts", "int64"));
  EXPECT_THAT(error(q, k, k, at::zeros({2, 4}, at::kLong)),
              names("document_starts", "[2, 5]", "[2, 4]"));
  const auto with = [&](std::int64_t position, std::int64_t start) {
    at::Tensor changed = starts.clone();
    changed[1][position] = start;
    return changed;
  };
  EXPECT_THAT(error(q, k, k, with(2, 3)), names("document_starts", "[0, position]"));
  EXPECT_THAT(error(q, k, k, with(2, -1)), names("document_starts", "[0, position]"));
  EXPECT_THAT(error(q, k, k, with(2, 1)), names("document_starts", "decrease"));
}

TEST(CausalAttention, HasNoSecondDerivative) {
  const Case c = make_case({1, 4, 1, 1, 4}, at::kFloat);
  Case packed = c;
  packed.starts = at::zeros({1, 4}, at::kLong);
  const at::Tensor out = causal_attention(c.q, c.k, c.v, packed.starts);
  EXPECT_THROW(out.backward(c.into, /*retain_graph=*/std::nullopt, /*create_graph=*/true),
               c10::NotImplementedError);
}

}  // namespace
}  // namespace superpose::ops
