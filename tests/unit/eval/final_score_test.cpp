#include "eval/final_score.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numbers>
#include <vector>

#include "support/eval_model.h"
#include "support/temp_dir.h"

namespace superpose::eval {
namespace {

using test::make_corpus;
using test::TinyDecoder;

constexpr std::int64_t kLength = 16;

TEST(FinalWindows, HoldEachTokenButADocumentsFirstOnce) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 3);  // 40, 47, 54 letters + end
  const FinalWindows windows = cut_final_windows("held_out", corpus, kLength, 1000);
  EXPECT_EQ(windows.documents, (std::vector<std::int64_t>{0, 0, 0, 1, 1, 1, 2, 2, 2, 2}));
  EXPECT_EQ(windows.lengths, (std::vector<std::int64_t>{16, 16, 8, 16, 16, 15, 16, 16, 16, 6}));
  EXPECT_EQ(windows.num_bytes, 39 + 46 + 53);
  const auto ids = windows.ids.accessor<std::int64_t, 2>();
  EXPECT_EQ(ids[0][16], ids[1][0]);  // strides of L over windows of L + 1
  EXPECT_EQ(ids[2][8], corpus.tokenizer.end_of_document);
  EXPECT_EQ(ids[2][9], 0);
}

TEST(FinalWindows, AreSpreadOverEachDocument) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 3);
  const FinalWindows windows = cut_final_windows("held_out", corpus, kLength, 5);
  EXPECT_EQ(windows.documents, (std::vector<std::int64_t>{0, 0, 1, 2, 2}));
}

// Each token's loss from logits of its window alone, in f64.
struct Expected {
  double nats = 0;
  std::int64_t tokens = 0;
  double mean() const { return nats / static_cast<double>(tokens); }
};

TEST(FinalScore, IsTheSumOverTokensOfTheirLosses) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 8);
  const TinyDecoder model;
  const FinalWindows windows = cut_final_windows("held_out", corpus, kLength, 1000);
  Expected all, first_position, last_octave;
  std::vector<Expected> by_document(8), by_half(2);
  for (std::size_t w = 0; w < windows.lengths.size(); ++w) {
    const auto index = static_cast<std::int64_t>(w);
    const std::int64_t length = windows.lengths[w];
    const at::Tensor row = windows.ids.narrow(0, index, 1).narrow(1, 0, length + 1);
    const std::vector<double> losses = model.losses_by_logits(row);
    for (std::int64_t j = 0; j < length; ++j) {
      const double nats = losses[static_cast<std::size_t>(j)];
      const auto document = static_cast<std::size_t>(windows.documents[w]);
      for (Expected* sum : {&all, &by_document[document],
                            &by_half[static_cast<std::size_t>(windows.halves[document])]}) {
        sum->nats += nats;
        ++sum->tokens;
      }
      if (j == 0) first_position = {first_position.nats + nats, first_position.tokens + 1};
      if (j >= 8) last_octave = {last_octave.nats + nats, last_octave.tokens + 1};
    }
  }
  distributed::LocalCollective alone;
  const FinalScore score = score_final(model.decoder, windows, 0, alone);
  constexpr double kTolerance = 1e-5;
  EXPECT_NEAR(score.loss, all.mean(), kTolerance);
  EXPECT_EQ(score.tokens, all.tokens);
  ASSERT_EQ(score.by_document.size(), 8);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(score.by_document[i].tokens, by_document[i].tokens);
    EXPECT_NEAR(score.by_document[i].nats, by_document[i].nats, kTolerance * 100);
  }
  ASSERT_GT(by_half[0].tokens, 0);
  ASSERT_GT(by_half[1].tokens, 0);
  EXPECT_NEAR(*score.loss_half_a, by_half[0].mean(), kTolerance);
  EXPECT_NEAR(*score.loss_half_b, by_half[1].mean(), kTolerance);
  ASSERT_EQ(score.by_position.size(), 5);  // 0, 1, 2-3, 4-7, 8-15
  EXPECT_NEAR(score.by_position.front().loss, first_position.mean(), kTolerance);
  EXPECT_EQ(score.by_position.back().first, 8);
  EXPECT_EQ(score.by_position.back().end, 16);
  EXPECT_NEAR(score.by_position.back().loss, last_octave.mean(), kTolerance);
  EXPECT_NEAR(*score.bits_per_byte,
              all.nats / std::numbers::ln2 / static_cast<double>(windows.num_bytes), kTolerance);
  EXPECT_FALSE(score.capped_loss.has_value());
}

TEST(CappedLoss, LimitsTheShareOfLongDocuments) {
  const std::vector<DocumentLoss> documents = {{100, 100}, {20, 10}, {0, 0}, {30, 10}};
  // Means 1, 2 and 3; without a limit the first has 100 of 120 tokens.
  EXPECT_NEAR(capped_loss(documents, 0.9), 150.0 / 120, 1e-12);
  // At half: the first weighs as much as the two others together.
  EXPECT_NEAR(capped_loss(documents, 0.5), (20 * 1 + 10 * 2 + 10 * 3) / 40.0, 1e-12);
  // At 0.4 the first weighs 40 / 3, the others 10 and 10.
  EXPECT_NEAR(capped_loss(documents, 0.4), (40.0 / 3 + 20 + 30) / (40.0 / 3 + 20), 1e-12);
  // No share below a third is possible for three documents.
  EXPECT_NEAR(capped_loss(documents, 0.1), 2, 1e-12);
}

}  // namespace
}  // namespace superpose::eval
