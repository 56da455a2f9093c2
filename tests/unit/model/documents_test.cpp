// Documents packed into one row, kept apart by resets of attention and positions.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/decoder.h"
#include "small_decoder.h"
#include "support/names.h"
#include "support/tolerances.h"

namespace superpose::model {
namespace {

using test::names;

constexpr std::int64_t kBag = 3;
const std::vector<std::int64_t> kLengths = {5, 1, 9, 4};  // positions of each document
constexpr std::int64_t kLength = 19;

DecoderOptions both_resets(std::int64_t recompute_every = 0) {
  DecoderOptions options;
  options.recompute_every = recompute_every;
  options.reset_attention = true;
  options.reset_positions = true;
  return options;
}

// Loud weights, so that everything that a position sees shows.
test::SmallDecoder loud_weights(Toggle qk_norm = Toggle::kOff) {
  ModelConfig config = test::small_config();
  config.init_std = 0.3;
  config.qk_norm = qk_norm;
  return test::SmallDecoder(config);
}

// [1, L] of one row that holds kLengths.
at::Tensor starts_of_documents() {
  std::vector<at::Tensor> parts;
  std::int64_t start = 0;
  for (const std::int64_t length : kLengths) {
    parts.push_back(at::full({1, length}, start, at::kLong));
    start += length;
  }
  return at::cat(parts, 1);
}

// Two rows: the documents in one, and a document that fills a row.
at::Tensor starts_of_two_rows() {
  return at::cat({starts_of_documents(), at::full({1, kLength}, 0, at::kLong)}, 0);
}

struct Batch {
  at::Tensor ids = test::random_ids(64, {2, kLength, kBag});
  at::Tensor targets = test::random_ids(64, {2, kLength, 2});
  at::Tensor coefficients = at::full({2}, 1.0 / (4 * kLength), at::kFloat);
};

// Each document in a row of its own, its loss and gradient added up.
double separate_loss(const Decoder& decoder, const Batch& batch) {
  const auto part = [&](std::int64_t row, std::int64_t start, std::int64_t length) {
    const auto cut = [&](const at::Tensor& all) {
      return all.narrow(0, row, 1).narrow(1, start, length).contiguous();
    };
    const at::Tensor loss = decoder.loss(cut(batch.ids), cut(batch.targets), batch.coefficients,
                                         Gradients::kAccumulate);
    loss.backward();
    return loss.item<double>();
  };
  double loss = part(1, 0, kLength);
  std::int64_t start = 0;
  for (const std::int64_t length : kLengths) {
    loss += part(0, start, length);
    start += length;
  }
  return loss;
}

TEST(PackedDocuments, AreWhatTheyAreAlone) {
  for (const Toggle qk_norm : {Toggle::kOff, Toggle::kOn}) {
    for (const std::int64_t recompute_every : {0, 2}) {
      const test::SmallDecoder small = loud_weights(qk_norm);
      const Decoder packed(small.config, small.parameters, both_resets(recompute_every));
      const Batch batch;
      const double expected = separate_loss(small.decoder, batch);
      const at::Tensor expected_gradient = small.parameters.gradient().clone();
      small.parameters.gradient().zero_();

      const at::Tensor loss = packed.loss({batch.ids, starts_of_two_rows()}, batch.targets,
                                          batch.coefficients, Gradients::kAccumulate);
      loss.backward();
      const at::Tensor gradient = small.parameters.gradient();
      // A loss is a mean of 2 L terms, a gradient a sum over as many; both of rounded numbers.
      EXPECT_NEAR(loss.item<double>(), expected,
                  test::likely_sum_tolerance(test::kEpsilonF32, 2 * kLength + 64, expected));
      const double largest = expected_gradient.abs().max().item<double>();
      EXPECT_LE((gradient - expected_gradient).abs().max().item<double>(),
                test::likely_sum_tolerance(test::kEpsilonF32, 2 * kLength * kBag + 64, largest));
      EXPECT_GT(largest, 0.01);

      // Without the starts the same rows give another loss.
      const at::Tensor joined =
          small.decoder.loss(batch.ids, batch.targets, batch.coefficients, Gradients::kNone);
      EXPECT_GT(std::abs(joined.item<double>() - expected), 0.001);
    }
  }
}

TEST(PackedDocuments, DoNotSeeEachOther) {
  const test::SmallDecoder small = loud_weights();
  const Decoder packed(small.config, small.parameters, both_resets());
  const at::Tensor starts = starts_of_documents();
  const at::Tensor ids = test::random_ids(64, {1, kLength, kBag});
  const at::Tensor before = packed.logits({ids, starts});
  at::Tensor changed = ids.clone();
  changed[0][2][1] = (changed[0][2][1] + 1) % 64;  // in the first document
  const at::Tensor after = packed.logits({changed, starts});
  EXPECT_TRUE(after.narrow(1, kLengths[0], kLength - kLengths[0])
                  .equal(before.narrow(1, kLengths[0], kLength - kLengths[0])));
  EXPECT_TRUE(after.narrow(1, 0, 2).equal(before.narrow(1, 0, 2)));
  EXPECT_FALSE(after.narrow(1, 2, 3).equal(before.narrow(1, 2, 3)));
}

// Each reset alone: attention without positions is a document at a later position, which rotary
// attention cannot tell from one at the row's start but by rounding; positions without attention is
// another function.
TEST(PackedDocuments, TheResetsAreIndependent) {
  const test::SmallDecoder small = loud_weights();
  const at::Tensor starts = starts_of_documents();
  const at::Tensor ids = test::random_ids(64, {1, kLength, kBag});
  const auto logits = [&](bool attention, bool positions) {
    DecoderOptions options;
    options.reset_attention = attention;
    options.reset_positions = positions;
    return Decoder(small.config, small.parameters, options).logits({ids, starts});
  };
  const auto apart = [](const at::Tensor& a, const at::Tensor& b) {
    return (a - b).abs().max().item<double>();
  };
  const at::Tensor neither = logits(false, false);
  const at::Tensor both = logits(true, true);
  const double size = both.abs().max().item<double>();
  EXPECT_TRUE(neither.equal(small.decoder.logits(ids)));
  EXPECT_LE(apart(logits(true, false), both),
            test::likely_sum_tolerance(test::kEpsilonF32, 1024, size));
  EXPECT_FALSE(logits(true, false).equal(both)) << "positions went on counting";
  EXPECT_GT(apart(logits(false, true), neither), 1e-2 * size);
  EXPECT_GT(apart(logits(false, true), both), 1e-2 * size);
}

TEST(PackedDocuments, ARowThatIsOneDocumentIsThePlainRow) {
  const test::SmallDecoder small = loud_weights();
  const Decoder packed(small.config, small.parameters, both_resets());
  const at::Tensor ids = test::random_ids(64, {2, kLength, 1});
  const at::Tensor plain = small.decoder.logits(ids);
  EXPECT_TRUE(packed.logits(ids).equal(plain)) << "without starts";
  const at::Tensor with_starts = packed.logits({ids, at::full({2, kLength}, 0, at::kLong)});
  EXPECT_TRUE(with_starts.equal(plain));
}

TEST(PackedDocuments, StartsOfAnotherShapeAreRefused) {
  const test::SmallDecoder small = loud_weights();
  const Decoder packed(small.config, small.parameters, both_resets());
  const at::Tensor ids = test::random_ids(64, {2, kLength, 1});
  try {
    packed.logits({ids, starts_of_documents()});
    FAIL() << "no error";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(std::string(error.what()), names("document_starts", "[2, 19]", "[1, 19]"));
  }
}

}  // namespace
}  // namespace superpose::model
