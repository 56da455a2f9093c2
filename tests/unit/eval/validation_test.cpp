#include "eval/validation.h"

#include <ATen/ops/log_softmax.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <set>
#include <string>
#include <vector>

#include "support/error_of.h"
#include "support/eval_model.h"
#include "support/half_of_two.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "support/tolerances.h"
#include "tokenizer/bytes.h"

namespace superpose::eval {
namespace {

constexpr std::int64_t kLength = 16;

using test::make_corpus;
using test::names;
using Model = test::TinyDecoder;

std::vector<std::vector<std::int64_t>> rows_of(const at::Tensor& ids) {
  std::vector<std::vector<std::int64_t>> rows;
  for (std::int64_t row = 0; row < ids.size(0); ++row) {
    const auto* first = ids[row].const_data_ptr<std::int64_t>();
    rows.emplace_back(first, first + ids.size(1));
  }
  return rows;
}

std::set<std::int64_t> letters_of(const at::Tensor& ids) {
  std::set<std::int64_t> letters;
  for (const auto& row : rows_of(ids)) letters.insert(row.begin(), row.end());
  letters.erase(tokenizer::kEndOfDocument);
  return letters;
}

TEST(ValidationSet, HalvesShareNoDocument) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 16);
  const ValidationSet windows = make_validation_set("books", corpus, kLength, {.windows = 1000});
  const std::set<std::int64_t> a = letters_of(windows.half_a.ids);
  const std::set<std::int64_t> b = letters_of(windows.half_b.ids);
  EXPECT_FALSE(a.empty());
  EXPECT_FALSE(b.empty());
  for (const std::int64_t letter : a) EXPECT_FALSE(b.contains(letter)) << letter;
}

TEST(ValidationSet, PredictEachTokenOnceAndCountBytesWithoutEnds) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 16);
  const ValidationSet windows = make_validation_set("books", corpus, kLength, {.windows = 1000});
  std::int64_t ends = 0;
  std::int64_t predicted = 0;
  for (const HalfWindows* half : {&windows.half_a, &windows.half_b}) {
    const auto rows = rows_of(half->ids);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      // The last token of a window is the first of the next: predicted here, input there.
      if (row > 0) {
        EXPECT_EQ(rows[row].front(), rows[row - 1].back());
      }
      for (std::size_t i = 1; i < rows[row].size(); ++i) {
        ends += rows[row][i] == tokenizer::kEndOfDocument ? 1 : 0;
      }
    }
    predicted += half->num_windows() * kLength;
  }
  EXPECT_GT(ends, 5);
  EXPECT_EQ(windows.half_a.num_bytes + windows.half_b.num_bytes, predicted - ends);
  // All but what does not fill a last window.
  EXPECT_GT(predicted, corpus.validation->num_tokens() - 2 * (kLength + 1));
}

TEST(ValidationSet, FewAreSpreadOverAllDocuments) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 16);
  const ValidationSet windows = make_validation_set("books", corpus, kLength, {.windows = 8});
  EXPECT_EQ(windows.half_a.num_windows(), 4);
  EXPECT_EQ(windows.half_b.num_windows(), 4);
  EXPECT_GE(letters_of(windows.half_a.ids).size() + letters_of(windows.half_b.ids).size(), 8U);
  // A letter is a document, so the predicted letters count the documents; an end of document is the
  // last token of the one before it.
  for (const HalfWindows* half : {&windows.half_a, &windows.half_b}) {
    std::set<std::int64_t> documents;
    for (const auto& row : rows_of(half->ids)) {
      for (std::size_t i = 1; i < row.size(); ++i) {
        const bool is_end = row[i] == tokenizer::kEndOfDocument;
        documents.insert(is_end ? row[i - 1] : row[i]);
      }
    }
    EXPECT_EQ(half->num_documents, std::ssize(documents));
    EXPECT_EQ(half->num_predicted(), half->num_windows() * kLength);
  }
}

TEST(ValidationSet, TooLittleTextIsAnError) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 4);
  EXPECT_THAT(test::error_of([&] { make_validation_set("books", corpus, 4096, {}); }),
              names("validation set books", "4097"));
}

TEST(Validate, IsTheMeanLossOfLogSoftmax) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 16);
  const ValidationSet windows = make_validation_set("books", corpus, kLength, {.windows = 1000});
  const Model model;
  distributed::LocalCollective collective;
  const ValidationResult result = validate(model.decoder, windows, at::kCPU, collective);

  double all_nats = 0;
  std::int64_t all_tokens = 0;
  for (const HalfWindows* half : {&windows.half_a, &windows.half_b}) {
    const at::Tensor inputs = half->ids.narrow(1, 0, kLength).unsqueeze(2).contiguous();
    const at::Tensor logits = model.decoder.logits(inputs).to(at::kDouble);
    const at::Tensor targets = half->ids.narrow(1, 1, kLength).unsqueeze(2);
    const double nats = -at::log_softmax(logits, 2).gather(2, targets).sum().item<double>();
    const std::int64_t tokens = half->num_windows() * kLength;
    const double expected = nats / static_cast<double>(tokens);
    const auto& found = half == &windows.half_a ? result.loss_half_a : result.loss_half_b;
    ASSERT_TRUE(found);
    EXPECT_NEAR(*found, expected, test::likely_sum_tolerance(test::kEpsilonF32, tokens, expected));
    all_nats += nats;
    all_tokens += tokens;
  }
  const double loss = all_nats / static_cast<double>(all_tokens);
  const double tolerance = test::likely_sum_tolerance(test::kEpsilonF32, all_tokens, loss);
  EXPECT_NEAR(result.loss, loss, tolerance);
  EXPECT_NEAR(result.perplexity, std::exp(loss), std::exp(loss) * 2 * tolerance);
  const auto bytes = static_cast<double>(windows.half_a.num_bytes + windows.half_b.num_bytes);
  ASSERT_TRUE(result.bits_per_byte);
  EXPECT_NEAR(*result.bits_per_byte, all_nats / std::numbers::ln2 / bytes, 2 * tolerance);
  EXPECT_GT(*result.bits_per_byte, result.loss / std::numbers::ln2) << "ends have no byte";
}

// Ids that stand for several bytes, as a trained tokenizer's do.
TEST(Validate, CountsTheBytesThatIdsStandFor) {
  const test::TempDir folder;
  corpus::PreparedCorpus corpus = make_corpus(folder.path(), 16);
  const Model model;
  distributed::LocalCollective collective;
  const ValidationSet plain = make_validation_set("books", corpus, kLength, {.windows = 1000});
  const ValidationResult one = validate(model.decoder, plain, at::kCPU, collective);
  for (std::size_t id = 0; id < 256; ++id) {
    corpus.bytes_per_id[id] = id % 2 == 0 ? 3 : 1;
  }
  const ValidationSet wide = make_validation_set("books", corpus, kLength, {.windows = 1000});
  std::int64_t expected = 0;
  for (const HalfWindows* half : {&wide.half_a, &wide.half_b}) {
    for (const auto& row : rows_of(half->ids)) {
      for (std::size_t i = 1; i < row.size(); ++i) {
        if (row[i] != tokenizer::kEndOfDocument) expected += row[i] % 2 == 0 ? 3 : 1;
      }
    }
  }
  EXPECT_EQ(wide.half_a.num_bytes + wide.half_b.num_bytes, expected);
  const ValidationResult result = validate(model.decoder, wide, at::kCPU, collective);
  EXPECT_EQ(result.loss, one.loss);
  const auto bytes = static_cast<double>(plain.half_a.num_bytes + plain.half_b.num_bytes);
  EXPECT_DOUBLE_EQ(*result.bits_per_byte * static_cast<double>(expected),
                   *one.bits_per_byte * bytes);

  corpus.bytes_per_id.clear();
  const ValidationSet unknown = make_validation_set("books", corpus, kLength, {.windows = 1000});
  EXPECT_FALSE(validate(model.decoder, unknown, at::kCPU, collective).bits_per_byte);
}

TEST(ValidationSet, DocumentStartsAreThoseOfTheWindow) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 16);
  const ValidationSet windows = make_validation_set("books", corpus, kLength, {.windows = 1000});
  std::int64_t inside = 0;
  for (const HalfWindows* half : {&windows.half_a, &windows.half_b}) {
    const auto ids = rows_of(half->ids);
    const auto starts = rows_of(half->document_starts);
    ASSERT_EQ(starts.size(), ids.size());
    for (std::size_t row = 0; row < ids.size(); ++row) {
      std::int64_t start = 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(kLength); ++i) {
        if (i > 0 && ids[row][i - 1] == tokenizer::kEndOfDocument) {
          start = static_cast<std::int64_t>(i);
          ++inside;
        }
        ASSERT_EQ(starts[row][i], start) << row << ' ' << i;
      }
    }
  }
  EXPECT_GT(inside, 5);
}

TEST(Validate, ResetsAtDocumentStartsWhereTheDecoderDoes) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 16);
  const ValidationSet windows = make_validation_set("books", corpus, kLength, {.windows = 1000});
  const Model model;
  model::DecoderOptions options;
  options.reset_attention = true;
  options.reset_positions = true;
  const model::Decoder resetting(model.config, model.parameters, options);
  distributed::LocalCollective collective;
  const ValidationResult result = validate(resetting, windows, at::kCPU, collective);

  // Each part of a document that lies in a window, in a row of its own.
  double nats = 0;
  for (const HalfWindows* half : {&windows.half_a, &windows.half_b}) {
    for (std::int64_t row = 0; row < half->num_windows(); ++row) {
      const auto starts = rows_of(half->document_starts)[static_cast<std::size_t>(row)];
      for (std::int64_t begin = 0; begin < kLength;) {
        const std::int64_t length = std::count(starts.begin(), starts.end(), begin);
        const auto part = [&](std::int64_t from) {
          return half->ids.narrow(0, row, 1).narrow(1, from, length).unsqueeze(2).contiguous();
        };
        const at::Tensor logits = model.decoder.logits(part(begin)).to(at::kDouble);
        nats -= at::log_softmax(logits, 2).gather(2, part(begin + 1)).sum().item<double>();
        begin += length;
      }
    }
  }
  const std::int64_t tokens = windows.num_windows() * kLength;
  const double loss = nats / static_cast<double>(tokens);
  EXPECT_NEAR(result.loss, loss, test::likely_sum_tolerance(test::kEpsilonF32, tokens, loss));
  const ValidationResult spanning = validate(model.decoder, windows, at::kCPU, collective);
  EXPECT_GT(std::abs(spanning.loss - loss), 1e-3);
}

TEST(Validate, LeavesGradientsAlone) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 16);
  const Model model;
  model.parameters.gradient().fill_(0.5);
  distributed::LocalCollective collective;
  validate(model.decoder, make_validation_set("books", corpus, kLength, {}), at::kCPU, collective);
  EXPECT_EQ(model.parameters.gradient().min().item<float>(), 0.5F);
  EXPECT_EQ(model.parameters.gradient().max().item<float>(), 0.5F);
}

TEST(Validate, HasTheSameBitsForTwoRanks) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 16);
  // Windows this long make groups of one, several of them.
  const ValidationSet windows = make_validation_set("books", corpus, 100, {.windows = 1000});
  const Model model;
  distributed::LocalCollective alone;
  const ValidationResult expected = validate(model.decoder, windows, at::kCPU, alone);
  at::Tensor kept;
  test::HalfOfTwo first(0, kept);
  test::HalfOfTwo second(1, kept);
  const ValidationResult half = validate(model.decoder, windows, at::kCPU, first);
  const ValidationResult result = validate(model.decoder, windows, at::kCPU, second);
  EXPECT_EQ(result.loss, expected.loss);
  EXPECT_EQ(result.loss_half_b, expected.loss_half_b);
  EXPECT_LT(half.loss, expected.loss) << "the first rank did all the work";
}

}  // namespace
}  // namespace superpose::eval
