#include "ops/bag_embedding.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include "ops/bag_embedding_fallback.h"
#include "support/names.h"
#include "unit/ops/ops_test_support.h"

namespace superpose::ops::test {
namespace {

using superpose::test::names;

// The definition in float64, differentiable.
at::Tensor reference(const at::Tensor& weight, const at::Tensor& ids) {
  const at::Tensor valid = ids.ge(0);
  const at::Tensor rows = at::embedding(weight.to(at::kDouble), ids.clamp_min(0));  // [B, L, s, D]
  return rows.mul(valid.unsqueeze(3)).sum(2).div(valid.sum(2, true));
}

// Bags of s ids of which some are padding, at least one valid.
at::Tensor padded_ids(std::int64_t vocabulary, at::IntArrayRef shape, std::uint64_t seed) {
  at::Tensor ids = integers(vocabulary, shape, seed);
  const at::Tensor padding = integers(3, shape, seed + 1).eq(0);
  padding.select(2, 0).fill_(false);
  return ids.masked_fill(padding, -1);
}

struct Outcome {
  at::Tensor value;
  at::Tensor gradient;
};

Outcome run(const at::Tensor& weight, const at::Tensor& ids, const at::Tensor& grad) {
  const at::Tensor leaf_weight = leaf(weight);
  const at::Tensor value = bag_embedding(leaf_weight, ids);
  value.backward(grad.to(value.scalar_type()));
  return {value.detach(), leaf_weight.grad()};
}

// Rounding of a sum of `terms` numbers of size at most 1, and of the result.
double tolerance(at::ScalarType type, double terms) {
  const double sum_epsilon = epsilon(type == at::kDouble ? at::kDouble : at::kFloat);
  return terms * (terms + 2) * sum_epsilon + terms * epsilon(type);
}

TEST(BagEmbedding, EqualsTheDefinitionForEveryWidthTypeAndLevel) {
  constexpr std::int64_t kVocabulary = 7;
  const Threads threads(1);
  for_each_isa([&] {
    for (const at::ScalarType type : kTypes) {
      for (const std::int64_t width : widths()) {
        SCOPED_TRACE(testing::Message() << type << " D = " << width);
        const at::Tensor weight = uniform({kVocabulary, width}, type, 1);
        const at::Tensor ids = padded_ids(kVocabulary, {2, 5, 3}, 2);
        const at::Tensor grad = uniform({2, 5, width}, type, 4);
        const Outcome ours = run(weight, ids, grad);
        const at::Tensor exact_weight = leaf(weight.to(at::kDouble));
        const at::Tensor exact = reference(exact_weight, ids);
        exact.backward(grad.to(at::kDouble));
        EXPECT_EQ(ours.value.scalar_type(), type);
        EXPECT_LE(difference(ours.value, exact), tolerance(type, 3));
        EXPECT_LE(difference(ours.gradient, exact_weight.grad()), tolerance(type, 2 * 5 * 3));
      }
    }
  });
}

TEST(BagEmbedding, RoundsToBfloat16OnceAndToTheNearest) {
  const at::Tensor weight = uniform({50, 67}, at::kBFloat16, 1);
  const at::Tensor ids = integers(50, {4, 9, 2}, 2);
  const at::Tensor wide = weight.to(at::kFloat);
  const auto rows = [&](std::int64_t slot) { return at::embedding(wide, ids.select(2, slot)); };
  const at::Tensor expected = rows(0).add(rows(1)).div(2).to(at::kBFloat16);
  for_each_isa([&] { EXPECT_TRUE(bag_embedding(weight, ids).equal(expected)); });
}

TEST(BagEmbedding, FallbackEqualsTheKernel) {
  for (const at::ScalarType type : kTypes) {
    const at::Tensor weight = uniform({11, 33}, type, 1);
    const at::Tensor ids = padded_ids(11, {3, 4, 5}, 2);
    const at::Tensor grad = uniform({3, 4, 33}, type, 3);
    const Outcome kernel = run(weight, ids, grad);
    const at::ScalarType buffer_type = type == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor buffer = at::zeros({11, 33}, buffer_type);
    bag_embedding_fallback_add_gradient(grad, ids, buffer);
    EXPECT_LE(difference(bag_embedding_fallback_forward(weight, ids), kernel.value),
              tolerance(type, 5));
    EXPECT_LE(difference(buffer, kernel.gradient), tolerance(type, 3 * 4 * 5));
  }
}

TEST(BagEmbedding, OneTokenABagIsEmbedding) {
  for_each_isa([] {
    for (const at::ScalarType type : kTypes) {
      const at::Tensor weight = uniform({50, 67}, type, 1);
      const at::Tensor ids = integers(50, {4, 9, 1}, 2);
      const at::Tensor grad = uniform({4, 9, 67}, type, 3);
      const Outcome ours = run(weight, ids, grad);
      const at::Tensor plain_weight = leaf(weight);
      const at::Tensor plain = at::embedding(plain_weight, ids.squeeze(2));
      plain.backward(grad);
      EXPECT_TRUE(ours.value.equal(plain));
      // at::embedding adds bf16 gradients in bf16: each of a token's occurrences rounds.
      EXPECT_LE(difference(ours.gradient, plain_weight.grad()), tolerance(type, 4));
    }
  });
}

TEST(BagEmbedding, SameBitsForAnyNumberOfThreads) {
  // A frequent token and widths beyond one column chunk, so that the work is shared out in the
  // middle of tokens.
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const std::int64_t width : {96, 600}) {
      const at::Tensor weight = uniform({40, width}, type, 1);
      at::Tensor ids = padded_ids(40, {8, 128, 4}, 2);
      ids.narrow(1, 0, 40).fill_(7);
      const at::Tensor grad = uniform({8, 128, width}, type, 3);
      Outcome one;
      {
        const Threads threads(1);
        one = run(weight, ids, grad);
      }
      for (const int count : {2, 3, 5}) {
        const Threads threads(count);
        const Outcome many = run(weight, ids, grad);
        EXPECT_TRUE(many.value.equal(one.value)) << count;
        EXPECT_TRUE(many.gradient.equal(one.gradient)) << count;
      }
    }
  }
}

TEST(BagEmbedding, OrderInsideABagDoesNotMatter) {
  for (const std::int64_t bag_size : {2, 6}) {
    const at::Tensor weight = uniform({30, 65}, at::kFloat, 1);
    const at::Tensor ids = integers(30, {4, 8, bag_size}, 2);
    const at::Tensor grad = uniform({4, 8, 65}, at::kFloat, 3);
    const Outcome forward = run(weight, ids, grad);
    const Outcome reversed = run(weight, ids.flip({2}), grad);
    EXPECT_TRUE(reversed.gradient.equal(forward.gradient));
    if (bag_size == 2) {
      EXPECT_TRUE(reversed.value.equal(forward.value));
    } else {
      EXPECT_LE(difference(reversed.value, forward.value), tolerance(at::kFloat, 6));
    }
  }
}

TEST(BagEmbedding, TakesTensorsThatAreNotContiguous) {
  const at::Tensor weight = uniform({33, 20}, at::kFloat, 1).t();                 // [20, 33]
  const at::Tensor ids = integers(20, {3, 6, 4}, 2).transpose(1, 2);              // [3, 4, 6]
  const at::Tensor grad = uniform({33, 4, 3}, at::kFloat, 3).permute({2, 1, 0});  // [3, 4, 33]
  const Outcome strided = run(weight, ids, grad);
  const Outcome dense = run(weight.contiguous(), ids.contiguous(), grad.contiguous());
  EXPECT_TRUE(strided.value.equal(dense.value));
  EXPECT_TRUE(strided.gradient.equal(dense.gradient));
}

TEST(BagEmbedding, EmptyBatchGivesAnEmptyResultAndAZeroGradient) {
  for (const at::ScalarType type : kTypes) {
    const at::Tensor weight = uniform({5, 3}, type, 1);
    for (const auto& shape :
         {std::vector<std::int64_t>{0, 4, 2}, std::vector<std::int64_t>{2, 0, 2}}) {
      const Outcome ours =
          run(weight, at::zeros(shape, at::kLong), at::zeros({shape[0], shape[1], 3}, type));
      EXPECT_EQ(ours.value.sizes().vec(), (std::vector<std::int64_t>{shape[0], shape[1], 3}));
      EXPECT_EQ(max_abs(ours.gradient), 0);
    }
  }
}

TEST(BagEmbedding, CanBeDifferentiatedTwice) {
  const at::Tensor weight = leaf(uniform({6, 5}, at::kDouble, 1));
  const at::Tensor ids = padded_ids(6, {2, 3, 4}, 2);
  const at::Tensor grad = leaf(uniform({2, 3, 5}, at::kDouble, 3));
  bag_embedding(weight, ids).backward(grad, std::nullopt, /*create_graph=*/true);
  const at::Tensor direction = uniform({6, 5}, at::kDouble, 5);
  const at::Tensor first = weight.grad();
  first.mul(direction).sum().backward();
  // d/dgrad of <A^T grad, direction> is A direction: the operator itself.
  EXPECT_LE(difference(grad.grad(), reference(direction, ids)), tolerance(at::kDouble, 4));
}

TEST(BagEmbedding, RefusesWrongShapesAndTypes) {
  const at::Tensor weight = at::zeros({5, 3});
  const at::Tensor ids = at::zeros({1, 2, 2}, at::kLong);
  EXPECT_EQ(value_error([&] { bag_embedding(at::zeros({5}), ids); }),
            "bag_embedding: expected weight [V, D], got [5]");
  EXPECT_THAT(value_error([&] {
                bag_embedding(weight, at::zeros({2, 2}, at::kLong));
              }),
              names("bag_embedding", "ids", "s >= 1", "[2, 2]"));
  EXPECT_THAT(value_error([&] {
                bag_embedding(weight, at::zeros({1, 2, 0}, at::kLong));
              }),
              names("bag_embedding", "ids", "s >= 1", "[1, 2, 0]"));
  EXPECT_THAT(value_error([&] { bag_embedding(weight, ids.to(at::kInt)); }),
              names("bag_embedding", "ids", "int64", "Int"));
  EXPECT_THAT(value_error([&] { bag_embedding(weight.to(at::kLong), ids); }),
              names("bag_embedding", "weight", "float32", "bfloat16", "float64", "Long"));
  EXPECT_THAT(value_error([&] { bag_embedding(weight, ids.to(at::kMeta)); }),
              names("bag_embedding", "ids", "cpu", "meta"));
}

TEST(BagEmbedding, RefusesIdsOutOfRangeInEveryImplementation) {
  for (const at::ScalarType type : kTypes) {
    const at::Tensor weight = at::zeros({5, 3}, type);
    for (const std::int64_t wrong : {std::int64_t{5}, std::int64_t{-2}, std::int64_t{1} << 60}) {
      const at::Tensor ids = at::zeros({1, 2, 2}, at::kLong);
      ids.select(1, 1).select(1, 1).fill_(wrong);
      EXPECT_THAT(value_error([&] { bag_embedding(weight, ids); }),
                  names("bag_embedding", "ids", "[0, 5)", "-1", std::to_string(wrong)));
      EXPECT_THAT(value_error([&] { bag_embedding_fallback_forward(weight, ids); }),
                  names("bag_embedding", "ids", "[0, 5)", "-1", std::to_string(wrong)));
    }
    EXPECT_THAT(value_error([&] {
                  bag_embedding(weight, at::zeros({1, 2, 2}, at::kLong).fill_(-1));
                }),
                names("bag_embedding", "valid id", "every bag"));
  }
}

TEST(BagEmbeddingAccumulate, AddsTheSameGradientIntoTheBuffer) {
  for (const at::ScalarType type : kTypes) {
    const at::ScalarType buffer_type = type == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor weight = uniform({9, 35}, type, 1);
    const at::Tensor ids = padded_ids(9, {2, 4, 3}, 2);
    const at::Tensor grad = uniform({2, 4, 35}, type, 3);
    const Outcome functional = run(weight, ids, grad);
    const at::Tensor buffer = at::ones({9, 35}, buffer_type);
    const at::Tensor value = bag_embedding_accumulate(weight, ids, buffer);
    EXPECT_TRUE(value.requires_grad());
    EXPECT_TRUE(value.equal(functional.value));
    value.backward(grad);
    EXPECT_LE(difference(buffer - 1, functional.gradient), tolerance(type, 24));
    EXPECT_FALSE(weight.grad().defined());
  }
}

TEST(BagEmbeddingAccumulate, RecordsNothingWhereNoGradientIsWanted) {
  const at::Tensor weight = uniform({9, 4}, at::kFloat, 1);
  const at::Tensor ids = integers(9, {2, 4, 3}, 2);
  EXPECT_FALSE(bag_embedding_accumulate(leaf(weight), ids, {}).requires_grad());
  const c10::NoGradGuard no_grad;
  EXPECT_FALSE(bag_embedding_accumulate(weight, ids, at::zeros({9, 4})).requires_grad());
}

TEST(BagEmbeddingAccumulate, RefusesAWrongBufferAndASecondDerivative) {
  const at::Tensor weight = uniform({9, 4}, at::kBFloat16, 1);
  const at::Tensor ids = integers(9, {2, 4, 3}, 2);
  EXPECT_THAT(value_error([&] {
                bag_embedding_accumulate(weight, ids, at::zeros({9, 4}, at::kBFloat16));
              }),
              names("bag_embedding_accumulate", "grad_weight", "Float", "BFloat16"));
  EXPECT_THAT(value_error([&] {
                bag_embedding_accumulate(weight, ids, at::zeros({9, 5}));
              }),
              names("bag_embedding_accumulate", "grad_weight", "[9, 4]", "[9, 5]"));
  EXPECT_THAT(value_error([&] {
                bag_embedding_accumulate(weight, ids, at::zeros({4, 9}).t());
              }),
              names("bag_embedding_accumulate", "grad_weight", "contiguous", "[1, 9]"));
  const at::Tensor sum = bag_embedding_accumulate(weight, ids, at::zeros({9, 4})).sum();
  EXPECT_THROW(sum.backward({}, std::nullopt, /*create_graph=*/true), c10::NotImplementedError);
}

TEST(BagEmbedding, RunsOnTheMetaDevice) {
  const at::Tensor weight = leaf(at::empty({1000000, 64}, at::TensorOptions(at::kMeta)));
  const at::Tensor ids = at::empty({8, 512, 6}, at::TensorOptions(at::kMeta).dtype(at::kLong));
  const at::Tensor value = bag_embedding(weight, ids);
  EXPECT_EQ(value.sizes().vec(), (std::vector<std::int64_t>{8, 512, 64}));
  value.sum().backward();
  EXPECT_EQ(weight.grad().sizes(), weight.sizes());
  const at::Tensor buffer = at::empty(weight.sizes(), at::TensorOptions(at::kMeta));
  bag_embedding_accumulate(weight, ids, buffer).sum().backward();
}

}  // namespace
}  // namespace superpose::ops::test
