#include "tasks/score_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "support/error_of.h"
#include "tokenizer/bytes.h"
#include "tokenizer/load.h"

namespace superpose::tasks {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

constexpr std::int32_t kEnd = 256;

Ids bytes(const std::string& text) {
  Ids ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

// Bytes are tokens here, so that the expected ids are the texts.
class PairRules : public testing::Test {
 protected:
  tokenizer::Tokenizer tokenizer_ = tokenizer::open_tokenizer("bytes");
  RequestEncoder encoder_{tokenizer_, kEnd};
};

TEST_F(PairRules, WhiteSpaceAtTheEndMovesToTheContinuation) {
  EXPECT_EQ(encoder_.encode_pair("ab", " c"), (ScoreRequest{bytes("ab"), bytes(" c")}));
  EXPECT_EQ(encoder_.encode_pair("ab \n", "c"), (ScoreRequest{bytes("ab"), bytes(" \nc")}));
  EXPECT_EQ(encoder_.encode_pair(" ab\u00a0", "c"), (ScoreRequest{bytes(" ab"), bytes("\u00a0c")}));
}

TEST_F(PairRules, ThePrefixStandsForAnEmptyContext) {
  EXPECT_EQ(encoder_.encode_pair("", "ab"), (ScoreRequest{{kEnd}, bytes("ab")}));
  EXPECT_EQ(encoder_.encode_pair("", "<|endoftext|>ab"), (ScoreRequest{{kEnd}, bytes("ab")}));
}

TEST_F(PairRules, NothingToScoreIsAnError) {
  EXPECT_THAT(error_of([&] { encoder_.encode_pair(" \n", "c"); }), HasSubstr("white space"));
  EXPECT_THAT(error_of([&] { encoder_.encode_pair("ab", ""); }), HasSubstr("continuation"));
  EXPECT_THAT(error_of([&] { encoder_.encode_pair("", "<|endoftext|>"); }),
              HasSubstr("continuation"));
}

// A tokenizer that merges over the border: the continuation's ids are those behind as many as the
// context has alone.
TEST(PairRule, AreCutByTheLengthOfTheContextAlone) {
  const auto tokenizer = tokenizer::Tokenizer::from_json(R"({
    "version": "1.0", "added_tokens": [{"id": 4, "content": "<s>", "single_word": false, "lstrip": false,
      "rstrip": false, "normalized": false, "special": true}],
    "normalizer": null, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
      "trim_offsets": true, "use_regex": false},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
      "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
      "special_tokens": {"<s>": {"id": "<s>", "ids": [4], "tokens": ["<s>"]}}},
    "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
      "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
      "vocab": {"a": 0, "b": 1, "c": 2, "bc": 3}, "merges": ["b c"]}})",
                                                         "tiny");
  RequestEncoder encoder(tokenizer, 4);
  // The template's token stands in front, but not twice.
  EXPECT_EQ(encoder.encode_pair("a", "b"), (ScoreRequest{{4, 0}, {1}}));
  EXPECT_EQ(encoder.encode_pair("<s>a", "b"), (ScoreRequest{{4, 0}, {1}}));
  EXPECT_EQ(encoder.encode_pair("", "b"), (ScoreRequest{{4}, {1}}));
  // "ab" + "cab": [<s> a bc a b], cut behind [<s> a b].
  EXPECT_EQ(encoder.encode_pair("ab", "cab"), (ScoreRequest{{4, 0, 1}, {0, 1}}));
  EXPECT_THAT(error_of([&] { encoder.encode_pair("ab", "c"); }), HasSubstr("continuation"));
}

TEST(Fit, CutsTheContextFromTheLeft) {
  ScoreRequest request{{1, 2, 3, 4}, {5, 6}};
  EXPECT_EQ(fit(request, 5), 0);
  EXPECT_EQ(fit(request, 4), 1);
  EXPECT_THAT(request.context, ElementsAre(2, 3, 4));
  EXPECT_EQ(fit(request, 2), 2);
  EXPECT_THAT(request.context, ElementsAre(4));
  EXPECT_THAT(request.continuation, ElementsAre(5, 6));
  EXPECT_THAT(error_of([&] { fit(request, 1); }), HasSubstr("at most 1 tokens"));
}

TEST(Rolling, ScoresEveryIdOnce) {
  Ids ids(10);
  std::iota(ids.begin(), ids.end(), 1);
  const auto requests = rolling_requests(ids, 99, 4);
  ASSERT_EQ(requests.size(), 3);
  EXPECT_EQ(requests[0], (ScoreRequest{{99}, {1, 2, 3, 4}}));
  EXPECT_EQ(requests[1], (ScoreRequest{{4}, {5, 6, 7, 8}}));
  EXPECT_EQ(requests[2], (ScoreRequest{{6, 7, 8}, {9, 10}}));
  EXPECT_EQ(rolling_requests(Ids{7}, 99, 4), (std::vector<ScoreRequest>{{{99}, {7}}}));
  EXPECT_TRUE(rolling_requests({}, 99, 4).empty());
}

}  // namespace
}  // namespace superpose::tasks
