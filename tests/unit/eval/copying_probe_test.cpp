#include "eval/copying_probe.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <vector>

#include "support/eval_model.h"
#include "support/temp_dir.h"

namespace superpose::eval {
namespace {

using test::make_corpus;
using test::TinyDecoder;

TEST(CopyingSequences, AreHeldOutIdsTwice) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 3);
  const at::Tensor sequences = copying_sequences(corpus, 17);
  ASSERT_EQ(sequences.sizes(), (std::vector<std::int64_t>{kProbeSequences, 17}));
  const auto ids = sequences.accessor<std::int64_t, 2>();
  std::set<std::int64_t> seen;
  for (std::int64_t row = 0; row < kProbeSequences; ++row) {
    for (std::int64_t j = 0; j < 8; ++j) {
      EXPECT_EQ(ids[row][j], ids[row][j + 8]);
      seen.insert(ids[row][j]);
    }
  }
  // Of 144 held-out tokens 40 are a, 47 b, 54 c, and 3 ends.
  for (const char letter : {'a', 'b', 'c'}) EXPECT_TRUE(seen.contains(letter));
  EXPECT_LE(seen.size(), 4);
  EXPECT_TRUE(sequences.equal(copying_sequences(corpus, 17)));
}

TEST(CopyingScore, ComparesTheSameTokensInBothCopies) {
  const test::TempDir folder;
  const corpus::PreparedCorpus corpus = make_corpus(folder.path(), 3);
  const TinyDecoder model;
  const at::Tensor sequences = copying_sequences(corpus, 16);
  double first = 0;
  double second = 0;
  for (std::int64_t row = 0; row < kProbeSequences; ++row) {
    const std::vector<double> losses = model.losses_by_logits(sequences.narrow(0, row, 1));
    // losses[j] is of token j + 1: tokens 1 to 7, and the same ones at 9 to 15.
    for (std::size_t j = 0; j < 7; ++j) {
      first += losses[j];
      second += losses[j + 8];
    }
  }
  distributed::LocalCollective alone;
  const CopyingScore score = score_copying(model.decoder, sequences, alone);
  EXPECT_NEAR(score.first, first / (7 * kProbeSequences), 1e-5);
  EXPECT_NEAR(score.second, second / (7 * kProbeSequences), 1e-5);
  EXPECT_DOUBLE_EQ(score.copying(), score.second - score.first);
}

}  // namespace
}  // namespace superpose::eval
