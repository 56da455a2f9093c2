#include "ops/recomputed_linear.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sigmoid.h>

#include <tuple>

#include "ops/linear.h"
#include "ops/rms_norm.h"
#include "ops/swiglu.h"
#include "support/names.h"
#include "unit/ops/ops_test_support.h"

namespace superpose::ops::test {
namespace {

using superpose::test::names;

struct Case {
  std::int64_t rows, in, out;
};

constexpr Case kCases[] = {{1, 1, 1}, {5, 17, 33}, {64, 96, 31}, {0, 4, 3}};

at::ScalarType buffer_type(at::ScalarType type) {
  return type == at::kDouble ? at::kDouble : at::kFloat;
}

// A product summed over `terms` numbers of size at most 1, whose factors and result are rounded.
double tolerance(at::ScalarType type, double terms) {
  return terms * terms * epsilon(buffer_type(type)) + 4 * (terms + 1) * epsilon(type);
}

double terms(std::int64_t count) { return static_cast<double>(count); }

TEST(SwiGluLinear, AgreesWithF64) {
  for (const at::ScalarType type : kTypes) {
    for (const Case& size : kCases) {
      SCOPED_TRACE(testing::Message()
                   << type << " " << size.rows << " " << size.in << " " << size.out);
      const at::Tensor gate_up = leaf(uniform({size.rows, 2 * size.in}, type, 1));
      const at::Tensor weight = uniform({size.out, size.in}, type, 2);
      const at::Tensor grad = uniform({size.rows, size.out}, type, 3);
      const at::Tensor buffer = at::ones({size.out, size.in}, buffer_type(type));
      const at::Tensor y = swiglu_linear_accumulate(gate_up, weight, buffer);
      y.backward(grad);
      EXPECT_EQ(y.scalar_type(), type);

      const at::Tensor exact_in = leaf(gate_up.detach().to(at::kDouble));
      const at::Tensor exact_weight = leaf(weight.to(at::kDouble));
      const at::Tensor gate = exact_in.narrow(1, 0, size.in);
      const at::Tensor exact =
          at::mm(gate * at::sigmoid(gate) * exact_in.narrow(1, size.in, size.in), exact_weight.t());
      exact.backward(grad.to(at::kDouble));
      EXPECT_LE(difference(y, exact), tolerance(type, terms(size.in)));
      EXPECT_LE(difference(gate_up.grad(), exact_in.grad()), tolerance(type, terms(size.out)));
      EXPECT_LE(difference(buffer - 1, exact_weight.grad()), tolerance(type, terms(size.rows + 1)));
    }
  }
}

TEST(SwiGluLinear, HasTheBitsOfTheTwoOperators) {
  for (const at::ScalarType type : kTypes) {
    const at::Tensor weight = uniform({96, 200}, type, 2);
    const at::Tensor grad = uniform({130, 96}, type, 3);
    const at::Tensor joined_in = leaf(uniform({130, 400}, type, 1));
    const at::Tensor split_in = leaf(joined_in.detach());
    const at::Tensor joined_buffer = at::ones({96, 200}, buffer_type(type));
    const at::Tensor split_buffer = at::ones({96, 200}, buffer_type(type));
    const at::Tensor joined = swiglu_linear_accumulate(joined_in, weight, joined_buffer);
    const at::Tensor split = linear_accumulate(swiglu(split_in), weight, split_buffer);
    joined.backward(grad);
    split.backward(grad);
    EXPECT_TRUE(at::equal(joined, split)) << type;
    EXPECT_TRUE(at::equal(joined_in.grad(), split_in.grad())) << type;
    EXPECT_TRUE(at::equal(joined_buffer, split_buffer)) << type;
  }
}

struct NormRun {
  at::Tensor x, delta, norm_buffer, buffer, sum, product;
};

// From the same inputs, forward and backward, by the joint operator or by the two.
NormRun run_norm(at::ScalarType type, bool joint, bool with_delta) {
  NormRun run;
  run.x = leaf(uniform({130, 200}, type, 1));
  if (with_delta) run.delta = leaf(uniform({130, 200}, type, 2));
  run.norm_buffer = at::ones({200}, buffer_type(type));
  run.buffer = at::ones({96, 200}, buffer_type(type));
  const RmsNorm norm{uniform({200}, buffer_type(type), 3), 1e-5, run.norm_buffer};
  const at::Tensor weight = uniform({96, 200}, type, 4);
  if (joint) {
    std::tie(run.sum, run.product) =
        add_rms_norm_linear_accumulate(run.x, run.delta, norm, weight, run.buffer);
  } else {
    const auto [sum, normed] =
        add_rms_norm_accumulate(run.x, run.delta, norm.weight, norm.eps, norm.grad_weight);
    run.sum = sum;
    run.product = linear_accumulate(normed, weight, run.buffer);
  }
  const at::Tensor into_product = uniform({130, 96}, type, 5);
  ((run.sum * run.sum).sum() + (run.product * into_product).sum()).backward();
  return run;
}

// The two are proven against f64 where they are alone.
TEST(NormLinear, HasTheBitsOfTheTwoOperators) {
  for (const at::ScalarType type : kTypes) {
    for (const bool with_delta : {true, false}) {
      const NormRun joint = run_norm(type, true, with_delta);
      const NormRun split = run_norm(type, false, with_delta);
      EXPECT_TRUE(at::equal(joint.sum, split.sum)) << type;
      EXPECT_TRUE(at::equal(joint.product, split.product)) << type;
      EXPECT_TRUE(at::equal(joint.x.grad(), split.x.grad())) << type;
      EXPECT_TRUE(at::equal(joint.norm_buffer, split.norm_buffer)) << type;
      EXPECT_TRUE(at::equal(joint.buffer, split.buffer)) << type;
      if (!with_delta) continue;
      EXPECT_TRUE(at::equal(joint.delta.grad(), split.delta.grad())) << type;
    }
  }
}

TEST(NormLinear, RefusesWrongArguments) {
  const RmsNorm norm{at::ones({8}), 1e-5, {}};
  const at::Tensor x = at::zeros({2, 8});
  EXPECT_EQ(value_error([&] {
              add_rms_norm_linear_accumulate(x, {}, norm, at::zeros({6, 5}), {});
            }),
            "add_rms_norm_linear_accumulate: expected weight [out, 8], got [6, 5]");
  EXPECT_THAT(value_error([&] {
                add_rms_norm_linear_accumulate(at::zeros({8}), {}, norm, at::zeros({6, 8}), {});
              }),
              names("add_rms_norm_linear_accumulate", "x", "[N, D]", "[8]"));
}

TEST(SwiGluLinear, RecordsOnlyWhatIsWanted) {
  const at::Tensor weight = uniform({6, 5}, at::kFloat, 1);
  const at::Tensor x = uniform({4, 10}, at::kFloat, 2);
  const at::Tensor buffer = at::zeros({6, 5});
  EXPECT_FALSE(swiglu_linear_accumulate(x, weight, {}).requires_grad());
  const at::Tensor input = leaf(x);
  swiglu_linear_accumulate(input, weight, {}).sum().backward();
  EXPECT_GT(max_abs(input.grad()), 0);
  swiglu_linear_accumulate(x, weight, buffer).sum().backward();
  EXPECT_GT(max_abs(buffer), 0);
  const c10::NoGradGuard no_grad;
  EXPECT_FALSE(swiglu_linear_accumulate(input, weight, buffer).requires_grad());
}

TEST(SwiGluLinear, RefusesWrongArguments) {
  const at::Tensor weight = at::zeros({6, 5});
  EXPECT_THAT(value_error([&] {
                swiglu_linear_accumulate(at::zeros({2, 9}), weight, {});
              }),
              names("swiglu_linear_accumulate", "gate_up", "[N, 2 F]", "[2, 9]"));
  EXPECT_EQ(value_error([&] {
              swiglu_linear_accumulate(at::zeros({2, 8}), weight, {});
            }),
            "swiglu_linear_accumulate: expected weight [out, 4], got [6, 5]");
  const at::Tensor sum =
      swiglu_linear_accumulate(at::zeros({2, 10}), weight, at::zeros({6, 5})).sum();
  EXPECT_THROW(sum.backward({}, std::nullopt, /*create_graph=*/true), c10::NotImplementedError);
}

TEST(SwiGluLinear, RunsOnTheMetaDevice) {
  const at::TensorOptions meta = at::TensorOptions(at::kMeta).dtype(at::kBFloat16);
  const at::Tensor gate_up = leaf(at::empty({4096, 1024}, meta));
  const at::Tensor y = swiglu_linear_accumulate(gate_up, at::empty({100000, 512}, meta),
                                                at::empty({100000, 512}, meta.dtype(at::kFloat)));
  EXPECT_EQ(y.sizes().vec(), (std::vector<std::int64_t>{4096, 100000}));
  y.sum().backward();
  EXPECT_EQ(gate_up.grad().sizes(), gate_up.sizes());
}

}  // namespace
}  // namespace superpose::ops::test
