#include "ops/multi_hot_linear_cross_entropy.h"

#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <limits>

#include "ops/cpu/f32_products.h"
#include "ops/cpu/products.h"
#include "ops/multi_hot_problem.h"
#include "support/names.h"
#include "unit/ops/multi_hot_test_support.h"

namespace superpose::ops::test {
namespace {

using superpose::test::names;

const std::vector<MultiHotOptions> kOptions = {
    {},
    {.z_loss = 0.01},
    {.logit_soft_cap = 3},
    {.z_loss = 0.02, .logit_soft_cap = 5, .num_valid_rows = 20}};

// The width reaches the products alone, the vocabulary the kernels: so the levels are swept with
// the latter.
TEST(MultiHot, EqualsTheDefinitionForEveryWidthAndType) {
  const Threads threads(1);
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t width : widths()) {
      SCOPED_TRACE(testing::Message() << type << " D = " << width);
      // Scaled so that logits stay of order 1 to 10 at every width.
      MultiHotInputs in = make_inputs({5, width, 23, 3}, type, 20);
      in.hidden = in.hidden.mul(2 / std::sqrt(static_cast<double>(width)));
      expect_close(run(in, kOptions.back()), reference(in, kOptions.back()), in, kOptions.back());
    }
  }
}

TEST(MultiHot, EqualsTheDefinitionForEveryVocabularyAndLevel) {
  const Threads threads(1);
  std::vector<std::int64_t> vocabularies = widths();
  vocabularies.push_back(4099);  // beyond two chunks of the sum
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const std::int64_t vocabulary : vocabularies) {
      for (MultiHotOptions options : {kOptions.front(), kOptions.back()}) {
        SCOPED_TRACE(testing::Message()
                     << type << " V = " << vocabulary << " cap " << options.logit_soft_cap);
        options.num_valid_rows = std::min(options.num_valid_rows, vocabulary);
        const MultiHotInputs in =
            make_inputs({4, 6, vocabulary, 2}, type, std::min<std::int64_t>(vocabulary, 20));
        const MultiHotOutcome exact = reference(in, options);
        for_each_isa([&] { expect_close(run(in, options), exact, in, options); });
      }
    }
  }
}

TEST(MultiHot, EqualsTheDefinitionWithEachOption) {
  for (const at::ScalarType type : kTypes) {
    for (const MultiHotOptions& options : kOptions) {
      const MultiHotInputs in = make_inputs({7, 9, 23, 3}, type, 20);
      expect_close(run(in, options), reference(in, options), in, options);
    }
  }
}

TEST(MultiHot, ManyBlocksOfRowsEqualOne) {
  // The second block is a short one.
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    // At the second width a bf16 gradient of the weight is one product over all rows.
    for (const std::int64_t width : {4, 560}) {
      MultiHotInputs in = make_inputs({1100, width, 500, 2}, type, 500);
      in.hidden = in.hidden.mul(2 / std::sqrt(static_cast<double>(width)));
      expect_close(run(in, {.num_valid_rows = 500}), reference(in, {}), in, {});
    }
  }
}

TEST(MultiHot, FallbackEqualsTheDefinition) {
  for (const at::ScalarType type : kTypes) {
    for (const MultiHotOptions& options : kOptions) {
      const MultiHotInputs in = make_inputs({7, 9, 23, 3}, type, 20);
      const at::ScalarType sum_type = type == at::kDouble ? at::kDouble : at::kFloat;
      const std::int64_t valid_rows = options.num_valid_rows == -1 ? 23 : options.num_valid_rows;
      const at::Tensor grad_weight = at::zeros({23, 9}, sum_type);
      const MultiHotResult result =
          multi_hot_fallback({.hidden = in.hidden,
                              .weight = in.weight.narrow(0, 0, valid_rows),
                              .targets = in.targets,
                              .coefficients = reference_coefficients(in, options).to(sum_type),
                              .grad_weight = grad_weight.narrow(0, 0, valid_rows),
                              .hidden_grad = true,
                              .z_loss = options.z_loss,
                              .logit_soft_cap = options.logit_soft_cap});
      expect_close({result.loss, result.grad_hidden, grad_weight}, reference(in, options), in,
                   options);
    }
  }
}

TEST(MultiHot, OneTargetIsCrossEntropy) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const MultiHotInputs in = make_inputs({40, 24, 101, 1}, type, 101);
    const MultiHotOutcome ours = run(in, {});
    const at::Tensor hidden = leaf(in.hidden);
    const at::Tensor weight = leaf(in.weight);
    const at::Tensor loss = at::cross_entropy_loss(hidden.mm(weight.t()), in.targets.squeeze(1));
    loss.backward();
    expect_close(ours, {loss, hidden.grad(), weight.grad()}, in, {});
  }
}

TEST(MultiHot, GradientIsTheSlopeOfTheLoss) {
  const MultiHotOptions options{.z_loss = 0.05, .logit_soft_cap = 2, .num_valid_rows = 9};
  const MultiHotInputs in = make_inputs({4, 3, 11, 2}, at::kDouble, 9);
  const MultiHotOutcome ours = run(in, options);
  const auto loss_at = [&](const at::Tensor& hidden, const at::Tensor& weight) {
    return std::get<0>(
               multi_hot_linear_cross_entropy(hidden, weight, in.targets, in.slot_weights, options))
        .item<double>();
  };
  const double step = 1e-5;  // error of central differences: step^2 and eps / step, below 1e-9
  for (std::uint64_t seed = 10; seed < 20; ++seed) {
    const at::Tensor dh = uniform({4, 3}, at::kDouble, seed).mul_(step);
    const at::Tensor dw = uniform({11, 3}, at::kDouble, seed + 100).mul_(step);
    const double slope =
        (loss_at(in.hidden + dh, in.weight + dw) - loss_at(in.hidden - dh, in.weight - dw)) /
        (2 * step);
    const double expected = ours.grad_hidden.mul(dh).sum().item<double>() / step +
                            ours.grad_weight.mul(dw).sum().item<double>() / step;
    EXPECT_NEAR(slope, expected, 1e-8);
  }
}

TEST(MultiHot, UniformLogitsCostTheLogOfTheVocabulary) {
  for (const std::int64_t slots : {1, 2, 6}) {
    const auto [loss, counts] = multi_hot_linear_cross_entropy(
        at::zeros({5, 4}), at::ones({50, 4}), integers(50, {5, slots}, 1), at::ones({slots}));
    EXPECT_NEAR(loss.item<double>(), std::log(50.0), 4 * epsilon(at::kFloat));
  }
}

TEST(MultiHot, ATokenTwiceInABagCountsTwice) {
  const at::Tensor hidden = uniform({1, 4}, at::kDouble, 1);
  const at::Tensor weight = uniform({6, 4}, at::kDouble, 2);
  const at::Tensor loss = std::get<0>(multi_hot_linear_cross_entropy(
      hidden, weight, at::tensor({3, 3, 5, 3}, at::kLong).view({1, 4}), at::ones({4})));
  const at::Tensor logits = hidden.mm(weight.t()).squeeze(0);
  const double expected =
      (logits.logsumexp({0}) - 0.75 * logits[3] - 0.25 * logits[5]).item<double>();
  EXPECT_NEAR(loss.item<double>(), expected, 16 * epsilon(at::kDouble));
}

TEST(MultiHot, CountsValidTargetsAndRenormalisesOverSlotsThatHaveAny) {
  MultiHotInputs in = make_inputs({6, 4, 10, 3}, at::kDouble, 10);
  in.targets.select(1, 1).fill_(-100);
  const auto [loss, counts] =
      multi_hot_linear_cross_entropy(in.hidden, in.weight, in.targets, in.slot_weights);
  EXPECT_TRUE(counts.equal(at::tensor({4, 0, 5}, at::kLong)));
  EXPECT_LE(difference(loss, reference(in, {}).loss), 64 * epsilon(at::kDouble));
  in.slot_weights.mul_(8);  // only proportions matter
  const at::Tensor scaled = std::get<0>(
      multi_hot_linear_cross_entropy(in.hidden, in.weight, in.targets, in.slot_weights));
  EXPECT_LE(difference(loss, scaled), 64 * epsilon(at::kDouble));
}

TEST(MultiHot, NothingToPredictIsALossOfZero) {
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t rows : {0, 3}) {
      MultiHotInputs in = make_inputs({rows, 4, 10, 2}, type, 10);
      in.targets.fill_(-100);
      const MultiHotOutcome ours = run(in, {});
      EXPECT_EQ(ours.loss.item<double>(), 0);
      EXPECT_EQ(ours.grad_hidden.sizes(), in.hidden.sizes());
      EXPECT_EQ(max_abs(ours.grad_hidden), 0);
      EXPECT_EQ(max_abs(ours.grad_weight), 0);
    }
  }
}

TEST(MultiHot, OrderOfTargetsDoesNotMatterWithUniformWeights) {
  for (const std::int64_t slots : {2, 6}) {
    MultiHotInputs in = make_inputs({2, 33, 65, slots}, at::kFloat, 65);
    in.slot_weights = at::ones({slots});
    MultiHotInputs reversed = in;
    reversed.targets = in.targets.flip({1});
    const MultiHotOutcome a = run(in, {});
    const MultiHotOutcome b = run(reversed, {});
    expect_close(a, b, in, {});
    if (slots == 2) {
      EXPECT_TRUE(a.loss.equal(b.loss));
      EXPECT_TRUE(a.grad_hidden.equal(b.grad_hidden));
    }
  }
}

TEST(MultiHot, OneAndTwoThreadsGiveTheSameBits) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const MultiHotInputs in = make_inputs({300, 48, 1000, 3}, type, 1000);
    std::vector<MultiHotOutcome> outcomes;
    for (const int count : {1, 2}) {
      const Threads threads(count);
      outcomes.push_back(run(in, {}));
    }
    // libtorch's products, which Intel's CPUs take in f32, promise no bits (docs/numerics.md).
    if (type == at::kFloat && !cpu::prefers_f32_products()) {
      expect_close(outcomes[0], outcomes[1], in, {});
      continue;
    }
    EXPECT_TRUE(outcomes[0].loss.equal(outcomes[1].loss));
    EXPECT_TRUE(outcomes[0].grad_hidden.equal(outcomes[1].grad_hidden));
    EXPECT_TRUE(outcomes[0].grad_weight.equal(outcomes[1].grad_weight));
  }
}

TEST(MultiHot, BackwardScalesByTheIncomingGradient) {
  const MultiHotInputs in = make_inputs({5, 8, 16, 2}, at::kFloat, 16);
  const MultiHotOutcome plain = run(in, {});
  const MultiHotOutcome scaled = run(in, {}, 4);
  EXPECT_TRUE(scaled.grad_hidden.equal(plain.grad_hidden * 4));
  EXPECT_TRUE(scaled.grad_weight.equal(plain.grad_weight * 4));
}

// Backward hands out what forward has saved only when nobody will ask for it again.
TEST(MultiHot, ASecondBackwardDoesNotSeeTheFirst) {
  for (const at::ScalarType type : kTypes) {
    for (const double scale : {1.0, 4.0}) {
      SCOPED_TRACE(testing::Message() << type << " " << scale);
      const MultiHotInputs in = make_inputs({5, 8, 16, 2}, type, 16);
      const MultiHotOutcome plain = run(in, {});
      const at::Tensor hidden = leaf(in.hidden);
      const at::Tensor weight = leaf(in.weight);
      const at::Tensor loss = std::get<0>(multi_hot_linear_cross_entropy(hidden, weight, in.targets,
                                                                         in.slot_weights, {}))
                                  .mul(scale);
      loss.backward({}, /*retain_graph=*/true);
      for (at::Tensor leaf : {hidden, weight}) {
        leaf.mutable_grad().fill_(7);  // whoever gets a gradient may do with it what they like
        leaf.mutable_grad().reset();
      }
      loss.backward();
      EXPECT_TRUE(hidden.grad().equal(plain.grad_hidden * scale));
      EXPECT_TRUE(weight.grad().equal(plain.grad_weight * scale));
    }
  }
}

TEST(MultiHot, TakesTensorsThatAreNotContiguous) {
  MultiHotInputs in = make_inputs({6, 6, 20, 3}, at::kFloat, 20);
  MultiHotInputs strided{in.hidden.t().contiguous().t(), in.weight.t().contiguous().t(),
                         in.targets.t().contiguous().t(), at::ones({6})};
  strided.slot_weights = in.slot_weights.repeat_interleave(2).view({3, 2}).select(1, 0);
  expect_close(run(strided, {}), run(in, {}), in, {});
}

TEST(MultiHot, ANotFiniteLogitReachesTheLoss) {
  for_each_isa([] {
    MultiHotInputs in = make_inputs({4, 5, 40, 2}, at::kFloat, 40);
    in.hidden.select(0, 3).fill_(std::numeric_limits<float>::quiet_NaN());
    for (const MultiHotOptions& options : kOptions) {
      in.targets.clamp_max_(19);
      EXPECT_TRUE(std::isnan(run(in, options).loss.item<double>()));
    }
    in.targets.select(0, 3).fill_(-100);  // a row that is ignored may hold anything
    EXPECT_TRUE(std::isfinite(run(in, {}).loss.item<double>()));
  });
}

TEST(MultiHot, ExtremeLogitsDoNotOverflow) {
  for_each_isa([] {
    const at::Tensor hidden = at::tensor({1.0F}).view({1, 1});
    const at::Tensor weight = at::tensor({3e38F, -3e38F, 0.0F}).view({3, 1});
    const auto loss = [&](std::int64_t target) {
      return std::get<0>(multi_hot_linear_cross_entropy(
                             hidden, weight, at::tensor({target}).view({1, 1}), at::ones({1})))
          .item<double>();
    };
    EXPECT_EQ(loss(0), 0);
    EXPECT_EQ(loss(2), static_cast<double>(3e38F));
  });
}

TEST(MultiHot, RefusesWrongArguments) {
  const at::Tensor hidden = at::zeros({4, 3});
  const at::Tensor weight = at::zeros({7, 3});
  const at::Tensor targets = at::zeros({4, 2}, at::kLong);
  const at::Tensor slots = at::ones({2});
  const auto error = [](const at::Tensor& h, const at::Tensor& w, const at::Tensor& t,
                        const at::Tensor& s, const MultiHotOptions& options) {
    return value_error([&] { multi_hot_linear_cross_entropy(h, w, t, s, options); });
  };
  const std::string who = "multi_hot_linear_cross_entropy";
  EXPECT_THAT(error(at::zeros({4}), weight, targets, slots, {}),
              names(who, "hidden", "[N, D]", "[4]"));
  EXPECT_THAT(error(hidden, at::zeros({7, 4}), targets, slots, {}),
              names(who, "weight", "[V, 3]", "[7, 4]"));
  EXPECT_THAT(error(hidden, weight, at::zeros({5, 2}, at::kLong), slots, {}),
              names(who, "targets", "[4, s]", "[5, 2]"));
  EXPECT_THAT(error(hidden, weight, at::zeros({4, 0}, at::kLong), slots, {}),
              names(who, "targets", "s >= 1", "[4, 0]"));
  EXPECT_THAT(error(hidden, weight, targets, at::ones({3}), {}),
              names(who, "slot_weights", "[2]", "[3]"));
  EXPECT_THAT(error(hidden, weight.to(at::kDouble), targets, slots, {}),
              names(who, "weight", "hidden", "Float", "Double"));
  EXPECT_THAT(error(hidden, weight, targets.to(at::kInt), slots, {}),
              names(who, "targets", "int64", "Int"));
  EXPECT_THAT(error(hidden, weight, targets, targets.select(0, 0), {}),
              names(who, "slot_weights", "floating point", "Long"));
  EXPECT_THAT(error(hidden, weight, targets, leaf(slots), {}),
              names(who, "slot_weights", "gradient"));
  EXPECT_THAT(error(hidden, weight, targets, slots, {.z_loss = -1}),
              names(who, "z_loss", "[0, 8.50706e+37]", "-1"));
  EXPECT_THAT(error(hidden, weight, targets, slots, {.logit_soft_cap = -2}),
              names(who, "logit_soft_cap", "0", "[1.17549e-38, 8.50706e+37]", "-2"));
  EXPECT_THAT(error(hidden, weight, targets, slots, {.num_valid_rows = 8}),
              names(who, "num_valid_rows", "[1, 7]", "-1", "8"));
  EXPECT_THAT(error(hidden, weight, targets, slots, {.ignore_index = 5}),
              names(who, "ignore_index", "negative", "5"));
}

TEST(MultiHot, RefusesTargetsAndWeightsOutOfRangeInEveryImplementation) {
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t wrong : {std::int64_t{6}, std::int64_t{-1}, std::int64_t{1} << 60}) {
      MultiHotInputs in = make_inputs({4, 3, 7, 2}, type, 6);
      in.targets.select(0, 3).fill_(wrong);
      EXPECT_THAT(value_error([&] { run(in, {.num_valid_rows = 6}); }),
                  names("multi_hot_linear_cross_entropy", "targets", "[0, 6)", "-100",
                        std::to_string(wrong)));
    }
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    for (const double wrong : {-1.0, kInfinity, std::numeric_limits<double>::quiet_NaN()}) {
      MultiHotInputs in = make_inputs({4, 3, 7, 2}, type, 6);
      in.slot_weights.fill_(wrong);
      EXPECT_THAT(value_error([&] { run(in, {}); }), names("slot_weights", "finite", ">= 0"));
      // Of a slot without targets, too.
      in.slot_weights.fill_(1).select(0, 1).fill_(wrong);
      in.targets.select(1, 1).fill_(-100);
      EXPECT_THAT(value_error([&] { run(in, {}); }), names("slot_weights", "finite", ">= 0"));
    }
  }
}

// Options that are not numbers, or that f32 turns into 0 or infinity.
TEST(MultiHot, RefusesOptionsThatTheLossCannotBeComputedWith) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  for (const at::ScalarType type : kTypes) {
    const MultiHotInputs in = make_inputs({4, 3, 7, 2}, type, 6);
    const bool wide = type == at::kDouble;
    for (const double wrong : {kNaN, kInfinity, -kInfinity, 1e308 * (wide ? 2 : 1)}) {
      EXPECT_THAT(value_error([&] { run(in, {.z_loss = wrong}); }), names("z_loss", "[0"));
    }
    for (const double wrong : {kNaN, kInfinity, -kInfinity, 1e308, 5e-324, wide ? 1e-310 : 1e-40}) {
      EXPECT_THAT(value_error([&] { run(in, {.logit_soft_cap = wrong}); }),
                  names("logit_soft_cap", "0"));
    }
    for (const double right : {1e-37, 5e37}) {
      EXPECT_TRUE(std::isfinite(run(in, {.logit_soft_cap = right}).loss.item<double>())) << right;
    }
  }
}

TEST(MultiHot, RefusesSlotWeightsWhoseSumOverflows) {
  MultiHotInputs in = make_inputs({4, 3, 7, 2}, at::kDouble, 6);
  in.slot_weights = at::full({2}, 1e308, at::kDouble);
  EXPECT_THAT(value_error([&] { run(in, {}); }),
              names("multi_hot_linear_cross_entropy", "slot_weights", "sum", "inf"));
  const double plain = run(make_inputs({4, 3, 7, 2}, at::kDouble, 6), {}).loss.item<double>();
  for (const double scale : {1e300, 1e-300}) {
    MultiHotInputs scaled = make_inputs({4, 3, 7, 2}, at::kDouble, 6);
    scaled.slot_weights = scaled.slot_weights.to(at::kDouble).mul(scale);
    EXPECT_NEAR(run(scaled, {}).loss.item<double>(), plain, 1e-12 * plain);
  }
}

TEST(MultiHot, RefusesASecondDerivative) {
  const MultiHotInputs in = make_inputs({4, 3, 7, 2}, at::kDouble, 7);
  const at::Tensor loss = std::get<0>(multi_hot_linear_cross_entropy(
      leaf(in.hidden), leaf(in.weight), in.targets, in.slot_weights));
  try {
    loss.backward({}, std::nullopt, /*create_graph=*/true);
    FAIL() << "accepted";
  } catch (const c10::NotImplementedError& error) {
    EXPECT_THAT(error.what(), names("multi_hot_linear_cross_entropy", "second derivative"));
  }
}

// Counts the bytes that tensors hold, on the thread that allocates them.
class Memory : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, std::int64_t size, std::size_t, std::size_t, c10::Device) override {
    held_ += size;
    peak_ = std::max(peak_, held_);
  }
  bool memoryProfilingEnabled() const override { return true; }
  std::int64_t peak() const { return peak_; }

 private:
  std::int64_t held_ = 0;
  std::int64_t peak_ = 0;
};

TEST(MultiHot, NeverHoldsAllLogits) {
  constexpr std::int64_t kRows = 16384;
  constexpr std::int64_t kVocabulary = 1024;
  const MultiHotInputs in = make_inputs({kRows, 2, kVocabulary, 2}, at::kFloat, kVocabulary);
  const auto memory = std::make_shared<Memory>();
  {
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, memory);
    run(in, {});
  }
  EXPECT_GT(memory->peak(), 0);
  EXPECT_LT(memory->peak(), kRows * kVocabulary * 4 / 4);
}

TEST(MultiHot, ABf16GradientOfFewRowsNeedsNoSumInF32) {
  if (!cpu::has_fast_bf16_products()) GTEST_SKIP() << "this CPU does not multiply bf16";
  constexpr std::int64_t kWidth = 256;
  constexpr std::int64_t kVocabulary = 4096;
  const MultiHotInputs in = make_inputs({32, kWidth, kVocabulary, 2}, at::kBFloat16, kVocabulary);
  const at::Tensor weight = leaf(in.weight);
  const auto memory = std::make_shared<Memory>();
  {
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, memory);
    std::get<0>(multi_hot_linear_cross_entropy(in.hidden, weight, in.targets, in.slot_weights))
        .backward();
  }
  EXPECT_GE(memory->peak(), kVocabulary * kWidth * 2);
  EXPECT_LT(memory->peak(), kVocabulary * kWidth * 4);
}

TEST(MultiHotAccumulate, AddsTheSameGradientsAsTheFunctionalForm) {
  for (const at::ScalarType type : kTypes) {
    for (const MultiHotOptions& options : kOptions) {
      const MultiHotInputs in = make_inputs({7, 9, 23, 3}, type, 20);
      const at::ScalarType sum_type = type == at::kDouble ? at::kDouble : at::kFloat;
      const at::Tensor coefficients = reference_coefficients(in, options).to(sum_type);
      const at::Tensor hidden = leaf(in.hidden);
      const at::Tensor buffer = at::ones({23, 9}, sum_type);
      const at::Tensor loss = multi_hot_linear_cross_entropy_accumulate(
          hidden, in.weight, in.targets, coefficients, buffer, options);
      loss.backward();
      expect_close({loss, hidden.grad(), buffer - 1}, reference(in, options), in, options);
    }
  }
}

TEST(MultiHotAccumulate, TwoMicroBatchesAddUpToOne) {
  const MultiHotInputs in = make_inputs({8, 9, 23, 3}, at::kFloat, 23);
  const at::Tensor coefficients = reference_coefficients(in, {}).to(at::kFloat);
  const at::Tensor hidden = leaf(in.hidden);
  const at::Tensor buffer = at::zeros({23, 9});
  at::Tensor total = at::zeros({});
  for (const std::int64_t begin : {0, 4}) {
    const at::Tensor loss = multi_hot_linear_cross_entropy_accumulate(
        hidden.narrow(0, begin, 4), in.weight, in.targets.narrow(0, begin, 4), coefficients,
        buffer);
    loss.backward();
    total = total + loss.detach();
  }
  expect_close({total, hidden.grad(), buffer}, reference(in, {}), in, {});
}

TEST(MultiHotAccumulate, EvaluationComputesTheLossAlone) {
  const MultiHotInputs in = make_inputs({4, 5, 12, 2}, at::kFloat, 12);
  const at::Tensor coefficients = reference_coefficients(in, {}).to(at::kFloat);
  const at::Tensor loss = multi_hot_linear_cross_entropy_accumulate(in.hidden, leaf(in.weight),
                                                                    in.targets, coefficients, {});
  EXPECT_FALSE(loss.requires_grad());
  EXPECT_LE(difference(loss, reference(in, {}).loss), 4 * logit_tolerance(in));
  const c10::NoGradGuard no_grad;
  const at::Tensor buffer = at::zeros({12, 5});
  const at::Tensor again = multi_hot_linear_cross_entropy_accumulate(
      leaf(in.hidden), in.weight, in.targets, coefficients, buffer);
  EXPECT_TRUE(again.equal(loss));
  EXPECT_EQ(max_abs(buffer), 0);
}

TEST(MultiHotAccumulate, RefusesAnIncomingGradientOtherThanOne) {
  const MultiHotInputs in = make_inputs({4, 5, 12, 2}, at::kFloat, 12);
  const at::Tensor coefficients = reference_coefficients(in, {}).to(at::kFloat);
  const at::Tensor loss = multi_hot_linear_cross_entropy_accumulate(
      leaf(in.hidden), in.weight, in.targets, coefficients, at::zeros({12, 5}));
  EXPECT_THAT(value_error([&] { loss.mul(2).backward(); }),
              names("multi_hot_linear_cross_entropy_accumulate", "incoming gradient", "1", "2"));
  EXPECT_THAT(value_error([&] {
                multi_hot_linear_cross_entropy_accumulate(in.hidden, in.weight, in.targets,
                                                          coefficients.to(at::kDouble), {});
              }),
              names("coefficients", "Float", "Double"));
}

TEST(MultiHot, RunsOnTheMetaDevice) {
  const at::TensorOptions meta(at::kMeta);
  const at::Tensor hidden = leaf(at::empty({100000, 64}, meta.dtype(at::kBFloat16)));
  const at::Tensor weight = leaf(at::empty({1000000, 64}, meta.dtype(at::kBFloat16)));
  const at::Tensor targets = at::empty({100000, 4}, meta.dtype(at::kLong));
  const at::Tensor slots = at::empty({4}, meta);
  const auto [loss, counts] =
      multi_hot_linear_cross_entropy(hidden, weight, targets, slots, {.num_valid_rows = 999});
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  EXPECT_EQ(counts.sizes().vec(), std::vector<std::int64_t>{4});
  loss.backward();
  EXPECT_EQ(hidden.grad().sizes(), hidden.sizes());
  EXPECT_EQ(weight.grad().scalar_type(), at::kBFloat16);
  const at::Tensor buffer = at::empty(weight.sizes(), meta.dtype(at::kFloat));
  multi_hot_linear_cross_entropy_accumulate(hidden, weight, targets, slots, buffer).backward();
}

}  // namespace
}  // namespace superpose::ops::test
