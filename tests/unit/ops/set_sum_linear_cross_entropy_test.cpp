#include "ops/set_sum_linear_cross_entropy.h"

#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <array>
#include <limits>

#include "support/tolerances.h"
#include "unit/ops/ops_test_support.h"

namespace superpose::ops::test {
namespace {

struct Inputs {
  at::Tensor hidden, weight, targets;
  double coefficient = 0.3;
};

struct Outcome {
  at::Tensor loss, grad_hidden, grad_weight;
};

at::ScalarType sum_type(const Inputs& in) {
  return in.hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

// Hidden [N, D], weight [V, D] in [-1, 1), targets [N, s] below `ids`. Of three rows or more, row 0
// is ignored in slot 0, row 1 everywhere, and in row 2 all slots hold one token.
Inputs make_inputs(std::array<std::int64_t, 4> sizes, at::ScalarType type, std::int64_t ids) {
  const auto [rows, width, vocabulary, slots] = sizes;
  Inputs in{uniform({rows, width}, type, 1), uniform({vocabulary, width}, type, 2),
            integers(ids, {rows, slots}, 3)};
  if (rows > 2) {
    in.targets.select(0, 0).select(0, 0).fill_(-100);
    in.targets.select(0, 1).fill_(-100);
    in.targets.select(0, 2).fill_(ids - 1);
  }
  return in;
}

Outcome run(const Inputs& in, const SetSumOptions& options = {}) {
  const at::Tensor hidden = leaf(in.hidden);
  const at::Tensor grad_weight = at::zeros(in.weight.sizes(), sum_type(in));
  const at::Tensor loss = set_sum_linear_cross_entropy_accumulate(
      hidden, in.weight, in.targets, at::full({1}, in.coefficient, sum_type(in)), grad_weight,
      options);
  loss.backward();
  return {loss.detach(), hidden.grad(), grad_weight};
}

// The header's definition in f64 by autograd: the set as a mask over the vocabulary, probabilities
// and not their logs.
Outcome reference(const Inputs& in, const SetSumOptions& options = {}) {
  const at::Tensor hidden = leaf(in.hidden.to(at::kDouble));
  const at::Tensor weight = leaf(in.weight.to(at::kDouble));
  const std::int64_t rows = options.num_valid_rows == -1 ? weight.size(0) : options.num_valid_rows;
  const at::Tensor logits = hidden.mm(weight.narrow(0, 0, rows).t());
  const at::Tensor bags = at::zeros(logits.sizes(), at::kDouble);
  for (std::int64_t j = 0; j < in.targets.size(0); ++j) {
    for (std::int64_t i = 0; i < in.targets.size(1); ++i) {
      const auto target = in.targets[j][i].item<std::int64_t>();
      if (target != options.ignore_index) bags[j][target] = 1;
    }
  }
  at::Tensor loss = at::zeros({}, at::kDouble);
  for (std::int64_t j = 0; j < in.targets.size(0); ++j) {
    if (bags[j].sum().item<double>() == 0) continue;
    const at::Tensor mass = logits[j].softmax(0).mul(bags[j]).sum();
    loss = loss - mass.log() + options.z_loss * logits[j].logsumexp({0}).square();
  }
  loss = loss * in.coefficient;
  if (loss.requires_grad()) loss.backward();
  const auto gradient = [](const at::Tensor& of) {
    return of.grad().defined() ? of.grad() : at::zeros_like(of);
  };
  return {loss.detach(), gradient(hidden), gradient(weight)};
}

// A probability's relative error is that of two logits, each a sum of D products below 1; sums over
// rows, targets and the vocabulary come on top. bf16 is widened at once, so that hidden's gradient
// alone is rounded to it.
void expect_close(const Outcome& ours, const Outcome& exact, const Inputs& in,
                  const SetSumOptions& options = {}) {
  const double eps = epsilon(sum_type(in));
  const auto width = static_cast<double>(in.hidden.size(1));
  const double lse = width + std::log(static_cast<double>(in.weight.size(0)));
  const double penalty = 1 + 2 * options.z_loss * lse;
  const double logit = superpose::test::likely_sum_tolerance(eps, in.hidden.size(1), width);
  const auto rows = static_cast<double>(in.hidden.size(0));
  const double relative = 2 * penalty * logit + 16 * eps * (1 + std::sqrt(rows));
  EXPECT_LE(difference(ours.loss, exact.loss), relative * in.coefficient * rows * lse);
  const double rounding = superpose::test::rounding_tolerance(epsilon(in.hidden.scalar_type()),
                                                              max_abs(exact.grad_hidden));
  EXPECT_LE(difference(ours.grad_hidden, exact.grad_hidden),
            rounding + relative * in.coefficient * (1 + max_abs(exact.grad_hidden)));
  EXPECT_LE(difference(ours.grad_weight, exact.grad_weight),
            relative * in.coefficient * (rows + max_abs(exact.grad_weight)));
}

const std::vector<SetSumOptions> kOptions = {
    {}, {.z_loss = 0.02}, {.num_valid_rows = 20}, {.z_loss = 0.01, .num_valid_rows = 17}};

TEST(SetSum, EqualsTheDefinitionForEveryType) {
  for (const at::ScalarType type : kTypes) {
    for (const SetSumOptions& options : kOptions) {
      for (const std::int64_t slots : {1, 2, 5}) {
        SCOPED_TRACE(testing::Message() << type << " z " << options.z_loss << " s " << slots);
        const Inputs in = make_inputs({9, 7, 23, slots}, type, 17);
        ASSERT_GT(max_abs(reference(in, options).grad_weight), 0.01);
        expect_close(run(in, options), reference(in, options), in, options);
      }
    }
  }
}

TEST(SetSum, ManyBlocksOfRowsEqualOne) {
  const Inputs in = make_inputs({1030, 4, 30, 3}, at::kFloat, 30);  // the second block: 6 rows
  expect_close(run(in), reference(in), in);
}

TEST(SetSum, OneTargetIsCrossEntropy) {
  Inputs in = make_inputs({40, 24, 101, 1}, at::kFloat, 101);
  in.coefficient = 1.0 / 38;  // rows 0 and 1 are ignored
  const at::Tensor hidden = leaf(in.hidden);
  const at::Tensor weight = leaf(in.weight);
  const at::Tensor loss = at::cross_entropy_loss(hidden.mm(weight.t()), in.targets.squeeze(1));
  loss.backward();
  expect_close(run(in), {loss.detach(), hidden.grad(), weight.grad()}, in);
}

TEST(SetSum, ATokenTwiceInABagCountsOnce) {
  Inputs in = make_inputs({1, 4, 6, 4}, at::kDouble, 6);
  in.targets = at::tensor({3, 5, 3, 3}, at::kLong).view({1, 4});
  const Outcome twice = run(in);
  in.targets = at::tensor({-100, 5, 3, -100}, at::kLong).view({1, 4});
  const Outcome once = run(in);
  EXPECT_TRUE(twice.loss.equal(once.loss));
  EXPECT_TRUE(twice.grad_hidden.equal(once.grad_hidden));
  EXPECT_TRUE(twice.grad_weight.equal(once.grad_weight));
  const at::Tensor p = in.hidden.mm(in.weight.t()).squeeze(0).softmax(0);
  EXPECT_NEAR(once.loss.item<double>(), -0.3 * (p[3] + p[5]).log().item<double>(),
              16 * epsilon(at::kDouble));
}

TEST(SetSum, TheWholeVocabularyCostsNothing) {
  Inputs in = make_inputs({1, 4, 5, 5}, at::kDouble, 5);
  in.targets = at::tensor({4, 0, 3, 1, 2}, at::kLong).view({1, 5});
  const Outcome ours = run(in);
  EXPECT_NEAR(ours.loss.item<double>(), 0, 8 * epsilon(at::kDouble));
  EXPECT_LE(max_abs(ours.grad_hidden), 8 * epsilon(at::kDouble));
}

TEST(SetSum, OrderOfTargetsChangesNoBit) {
  Inputs in = make_inputs({200, 9, 31, 5}, at::kFloat, 31);
  const Outcome a = run(in);
  in.targets = in.targets.flip({1}).contiguous();
  const Outcome b = run(in);
  EXPECT_TRUE(a.loss.equal(b.loss));
  EXPECT_TRUE(a.grad_hidden.equal(b.grad_hidden));
  EXPECT_TRUE(a.grad_weight.equal(b.grad_weight));
}

TEST(SetSum, PaddedVocabularyIsNotThere) {
  const SetSumOptions options{.num_valid_rows = 20};
  const Inputs padded = make_inputs({9, 7, 23, 3}, at::kFloat, 20);
  Inputs cut = padded;
  cut.weight = padded.weight.narrow(0, 0, 20).contiguous();
  const Outcome a = run(padded, options);
  const Outcome b = run(cut);
  EXPECT_TRUE(a.loss.equal(b.loss));
  EXPECT_TRUE(a.grad_hidden.equal(b.grad_hidden));
  EXPECT_TRUE(a.grad_weight.narrow(0, 0, 20).equal(b.grad_weight));
  EXPECT_EQ(max_abs(a.grad_weight.narrow(0, 20, 3)), 0);
}

TEST(SetSum, IgnoredRowsAreLeftOutWhateverTheyHold) {
  Inputs in = make_inputs({5, 7, 23, 3}, at::kFloat, 23);
  const Outcome plain = run(in);
  EXPECT_EQ(max_abs(plain.grad_hidden.select(0, 1)), 0);
  in.hidden.select(0, 1).fill_(std::numeric_limits<float>::max());
  const Outcome ours = run(in);
  EXPECT_TRUE(ours.loss.equal(plain.loss));
  EXPECT_TRUE(ours.grad_hidden.equal(plain.grad_hidden));
}

TEST(SetSum, NothingToPredictIsALossOfZero) {
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t rows : {0, 3}) {
      Inputs in = make_inputs({rows, 4, 10, 2}, type, 10);
      in.targets.fill_(-100);
      const Outcome ours = run(in);
      EXPECT_EQ(ours.loss.item<double>(), 0);
      EXPECT_EQ(ours.grad_hidden.sizes(), in.hidden.sizes());
      EXPECT_EQ(max_abs(ours.grad_hidden), 0);
      EXPECT_EQ(max_abs(ours.grad_weight), 0);
    }
  }
}

TEST(SetSum, PartsAddUp) {
  const Inputs in = make_inputs({10, 7, 23, 3}, at::kDouble, 23);
  const Outcome whole = run(in);
  at::Tensor loss = at::zeros({}, at::kDouble);
  at::Tensor grad_weight = at::zeros_like(whole.grad_weight);
  for (const std::int64_t begin : {0, 4}) {
    const std::int64_t size = begin == 0 ? 4 : 6;
    const Outcome part =
        run({in.hidden.narrow(0, begin, size), in.weight, in.targets.narrow(0, begin, size)});
    loss = loss + part.loss;
    grad_weight = grad_weight + part.grad_weight;
    EXPECT_LE(difference(part.grad_hidden, whole.grad_hidden.narrow(0, begin, size)), 1e-14);
  }
  EXPECT_LE(difference(loss, whole.loss), 1e-13);
  EXPECT_LE(difference(grad_weight, whole.grad_weight), 1e-13);
}

TEST(SetSum, GradientIsTheSlopeOfTheLoss) {
  const SetSumOptions options{.z_loss = 0.05, .num_valid_rows = 9};
  const Inputs in = make_inputs({4, 3, 11, 3}, at::kDouble, 9);
  const Outcome ours = run(in, options);
  const double step = 1e-5;  // error of central differences: step^2 and eps / step, below 1e-9
  for (std::uint64_t seed = 10; seed < 20; ++seed) {
    const at::Tensor dh = uniform({4, 3}, at::kDouble, seed).mul_(step);
    const at::Tensor dw = uniform({11, 3}, at::kDouble, seed + 100).mul_(step);
    const auto loss_at = [&](double sign) {
      return run({in.hidden + sign * dh, in.weight + sign * dw, in.targets}, options)
          .loss.item<double>();
    };
    const double expected = ours.grad_hidden.mul(dh).sum().item<double>() / step +
                            ours.grad_weight.mul(dw).sum().item<double>() / step;
    EXPECT_NEAR((loss_at(1) - loss_at(-1)) / (2 * step), expected, 1e-8);
  }
}

TEST(SetSum, ComputesWhatIsWanted) {
  const Inputs in = make_inputs({5, 7, 23, 3}, at::kFloat, 23);
  const at::Tensor coefficient = at::full({1}, in.coefficient, at::kFloat);
  const Outcome both = run(in);
  const at::Tensor hidden = leaf(in.hidden);
  set_sum_linear_cross_entropy_accumulate(hidden, in.weight, in.targets, coefficient, {})
      .backward();
  EXPECT_TRUE(hidden.grad().equal(both.grad_hidden));
  const at::Tensor buffer = at::ones({23, 7});
  const at::Tensor loss = set_sum_linear_cross_entropy_accumulate(in.hidden, in.weight, in.targets,
                                                                  coefficient, buffer);
  EXPECT_TRUE(loss.requires_grad());
  EXPECT_LE(difference(buffer - 1, both.grad_weight), 1e-6);
  const at::NoGradGuard no_grad;
  const at::Tensor before = buffer.clone();
  const at::Tensor alone =
      set_sum_linear_cross_entropy_accumulate(hidden, in.weight, in.targets, coefficient, buffer);
  EXPECT_TRUE(alone.equal(both.loss));
  EXPECT_FALSE(alone.requires_grad());
  EXPECT_TRUE(buffer.equal(before));
}

TEST(SetSum, RunsOnADeviceWithoutMemory) {
  const at::TensorOptions meta = at::TensorOptions().device(at::kMeta);
  const at::Tensor hidden = at::empty({5, 7}, meta).set_requires_grad(true);
  const at::Tensor loss = set_sum_linear_cross_entropy_accumulate(
      hidden, at::empty({23, 7}, meta), at::empty({5, 3}, meta.dtype(at::kLong)),
      at::empty({1}, meta), at::empty({23, 7}, meta));
  loss.backward();
  EXPECT_EQ(hidden.grad().sizes(), hidden.sizes());
}

TEST(SetSum, BadArgumentsAreRefusedByName) {
  const Inputs in = make_inputs({5, 7, 23, 3}, at::kFloat, 23);
  const auto error_of = [&](Inputs given, const SetSumOptions& options = {}) {
    return value_error([&] { run(given, options); });
  };
  const auto is_about = [](const char* what) {
    return testing::AllOf(testing::StartsWith("set_sum_linear_cross_entropy: expected "),
                          testing::HasSubstr(what));
  };
  EXPECT_THAT(error_of({in.hidden, in.weight, in.targets.to(at::kInt)}), is_about("targets"));
  EXPECT_THAT(error_of({in.hidden, in.weight.to(at::kDouble), in.targets}), is_about("weight"));
  EXPECT_THAT(error_of({in.hidden, in.weight, in.targets.narrow(0, 0, 4)}), is_about("targets"));
  EXPECT_THAT(error_of({in.hidden, in.weight, in.targets + 1}), is_about("targets in [0, 23)"));
  EXPECT_THAT(error_of({in.hidden, in.weight, in.targets}, {.num_valid_rows = 5}),
              is_about("targets in [0, 5)"));
  for (const double wrong : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(error_of({in.hidden, in.weight, in.targets, wrong}), is_about("coefficient"));
    EXPECT_THAT(error_of(in, {.z_loss = wrong}), is_about("z_loss"));
  }
  EXPECT_THAT(error_of(in, {.num_valid_rows = 24}), is_about("num_valid_rows"));
  EXPECT_THAT(error_of(in, {.ignore_index = 0}), is_about("ignore_index"));
  const auto error_with = [&](const at::Tensor& coefficient) {
    return value_error([&] {
      set_sum_linear_cross_entropy_accumulate(in.hidden, in.weight, in.targets, coefficient, {});
    });
  };
  EXPECT_THAT(error_with(at::ones({3})), is_about("coefficient [1]"));
  EXPECT_THAT(error_with(at::ones({1}, at::kDouble)), is_about("coefficient of type"));
  const at::Tensor hidden = leaf(in.hidden);
  const at::Tensor loss =
      set_sum_linear_cross_entropy_accumulate(hidden, in.weight, in.targets, at::ones({1}), {});
  EXPECT_THAT(value_error([&] { loss.mul(2).backward(); }), is_about("incoming gradient of 1"));
}

TEST(SetSum, ScratchIsWhatItHolds) {
  EXPECT_EQ(set_sum_scratch_bytes(10, 300, 7, false), 4 * 2 * 10 * 300);
  EXPECT_EQ(set_sum_scratch_bytes(10, 300, 7, true), 4 * (2 * 10 * 300 + 300 * 7));
  EXPECT_EQ(set_sum_scratch_bytes(100'000, 300, 7, false), 4 * 2 * 1024 * 300);
}

}  // namespace
}  // namespace superpose::ops::test
