#include "corpus/inspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "corpus_support.h"
#include "support/temp_dir.h"

namespace superpose::corpus {
namespace {

using test::Document;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Inspection, CountsTokensBytesAndLengths) {
  const test::TempDir dir;
  const auto tokens = test::make_shards(
      dir.path(), {Document{1, 2, 2, 0}, Document{2, 0}, Document{5, 5, 1, 1, 0}});
  const std::vector<std::int32_t> bytes_per_id{0, 1, 2, 3, 4, 5};
  const Inspection found = inspect(*tokens, bytes_per_id);
  EXPECT_EQ(found.documents, 3);
  EXPECT_EQ(found.tokens, 11);
  EXPECT_EQ(found.text_bytes, 3 * 1 + 3 * 2 + 2 * 5);
  EXPECT_THAT(found.counts, ElementsAre(3, 3, 3, 0, 0, 2));
  EXPECT_THAT(found.lengths, ElementsAre(2, 4, 5));
  EXPECT_THAT(most_frequent(found, 2), ElementsAre(0, 1));
  EXPECT_THAT(most_frequent(found, 9), ElementsAre(0, 1, 2, 5));
  EXPECT_EQ(length_quantile(found, 0), 2);
  EXPECT_EQ(length_quantile(found, 1.0 / 3), 2);
  EXPECT_EQ(length_quantile(found, 0.5), 4);
  EXPECT_EQ(length_quantile(found, 1), 5);
  EXPECT_THAT(document_at(*tokens, 0), ElementsAre(1, 2, 2, 0));
  EXPECT_THAT(document_at(*tokens, 2), ElementsAre(5, 5, 1, 1, 0));
  EXPECT_THAT(test::error_of([&] { document_at(*tokens, 3); }), HasSubstr("[0, 3), got 3"));
}

TEST(Inspection, NothingIsFine) {
  const TokenShards none(std::vector<TokenFile>{}, 10);
  const Inspection found = inspect(none, {});
  EXPECT_EQ(found.tokens, 0);
  EXPECT_EQ(length_quantile(found, 0.5), 0);
  EXPECT_TRUE(most_frequent(found, 5).empty());
}

}  // namespace
}  // namespace superpose::corpus
