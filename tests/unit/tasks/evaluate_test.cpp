#include "tasks/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "fuzz/memory_stream.h"
#include "support/error_of.h"
#include "tokenizer/load.h"

namespace superpose::tasks {
namespace {

using test::error_of;
using testing::AllOf;
using testing::HasSubstr;

// A model whose log-likelihoods follow from the request: -1 for each id of the continuation, -0.01
// for each id of the context.
class CountingScorer final : public Scorer {
 public:
  std::int64_t max_positions() const override { return 20; }
  std::vector<Score> score(std::span<const ScoreRequest> requests,
                           const ScoreProgress& progress) const override {
    std::vector<Score> scores;
    for (const ScoreRequest& request : requests) {
      EXPECT_LE(request.context.size() + request.continuation.size(), 21);
      const auto ids = static_cast<double>(request.continuation.size());
      scores.push_back({-ids - 0.01 * static_cast<double>(request.context.size()),
                        request.continuation.size() == 1});
      if (request.continuation.back() == '!') {
        scores.back().log_likelihood = std::numeric_limits<double>::quiet_NaN();
      }
    }
    if (progress) progress(std::ssize(requests), std::ssize(requests));
    return scores;
  }
};

class Evaluate : public testing::Test {
 protected:
  tokenizer::Tokenizer tokenizer_ = tokenizer::open_tokenizer("bytes");
  RequestEncoder encoder_{tokenizer_, 256};
  CountingScorer scorer_;
};

TEST_F(Evaluate, ScoresGoToTheirItems) {
  TaskConfig task;
  task.name = "own";
  const std::vector<Item> items{
      {.index = 3, .group = "", .pairs = {{"ab", " c"}, {"ab", " cd"}}, .choices = {"c", "cd"}},
      {.index = 5, .group = "", .pairs = {{"abcd", " cde"}}, .choices = {"cde"}},
      {.index = 6, .group = "", .pairs = {{std::string(40, 'x'), " c"}}, .choices = {"c"}}};
  const TaskResult result = evaluate(task, items, encoder_, scorer_);
  ASSERT_EQ(result.items.size(), 3);
  EXPECT_EQ(result.items[1].index, 5);
  EXPECT_DOUBLE_EQ(result.items[0].scores[1].log_likelihood, -3.02);
  EXPECT_DOUBLE_EQ(result.items[1].scores[0].log_likelihood, -4.04);
  EXPECT_TRUE(result.items[0].acc);
  EXPECT_EQ(result.cut_requests, 1);
  EXPECT_DOUBLE_EQ(result.items[2].scores[0].log_likelihood, -2.19);
}

TEST_F(Evaluate, NamesTheItemAtFault) {
  TaskConfig task;
  task.name = "own";
  const auto error = [&](const TextPair& pair) {
    const std::vector<Item> items{
        {.index = 7, .group = "", .pairs = {{"a", " b"}, pair}, .choices = {"b", "c"}}};
    return error_of([&] { evaluate(task, items, encoder_, scorer_); });
  };
  EXPECT_THAT(error({"a", " !"}), AllOf(HasSubstr("own: row 7, choice 1"), HasSubstr("nan")));
  EXPECT_THAT(error({" ", "b"}), HasSubstr("own: row 7, choice 1"));
  EXPECT_THAT(error({"a", std::string(21, 'b')}), HasSubstr("own: row 7, choice 1"));
}

std::vector<TextRequest> requests_of(const std::string& text) {
  return read_requests(std::make_unique<fuzz::MemoryStream>(text), "in.jsonl");
}

TEST_F(Evaluate, BareRequests) {
  const auto requests = requests_of(
      "{\"context\": \"ab \", \"continuation\": \"c\", \"note\": 1}\n\n"
      "{\"context\": \"\", \"continuation\": \"a\"}\n");
  const RequestResult result = score_requests(requests, encoder_, scorer_);
  ASSERT_EQ(result.scores.size(), 2);
  EXPECT_DOUBLE_EQ(result.scores[0].log_likelihood, -2.02);
  EXPECT_TRUE(result.scores[1].is_greedy);
  EXPECT_THAT(error_of([&] { requests_of("{\"context\": \"a\"}"); }), HasSubstr("in.jsonl:1: "));
  EXPECT_THAT(error_of([&] { requests_of("\n"); }), HasSubstr("in.jsonl: "));
  EXPECT_THAT(error_of([&] { requests_of("{}\n"); }), HasSubstr("in.jsonl:1: "));
  EXPECT_THAT(error_of([&] { requests_of("\n{\"context\": 1, \"continuation\": \"\"}"); }),
              HasSubstr("in.jsonl:2: "));
  EXPECT_THAT(error_of([&] {
                score_requests(requests_of("\n{\"context\": \"\\n\", \"continuation\": \"\"}"),
                               encoder_, scorer_);
              }),
              HasSubstr("in.jsonl:2: "));
}

TEST_F(Evaluate, WholeTexts) {
  std::vector<TextDocument> documents{encode_document(std::string(30, 'x'), encoder_),
                                      encode_document("a b\xff", encoder_)};
  EXPECT_EQ(documents[0].bytes, 30);
  EXPECT_EQ(documents[1].words, 2);
  const auto scores = score_texts(documents, encoder_.prefix(), scorer_);
  ASSERT_EQ(scores.size(), 2);
  // Windows of 20 ids behind 1, and of 10 behind 11.
  EXPECT_NEAR(scores[0].log_likelihood, -20.01 - 10.11, 1e-12);
  EXPECT_NEAR(scores[1].log_likelihood, -4.01, 1e-12);
  const TaskScore summary = summarize_texts("text", scores);
  EXPECT_NEAR(summary.find("loss")->value, 34.13 / 34, 1e-12);
  EXPECT_NEAR(summary.find("perplexity")->value, std::exp(34.13 / 34), 1e-12);
  EXPECT_NEAR(summary.find("bits_per_byte")->value, 34.13 / 34 / std::numbers::ln2, 1e-12);
  EXPECT_NEAR(summary.find("word_perplexity")->value, std::exp(34.13 / 3), 1e-9);
  documents[0].words = 0;
  const auto unknown = score_texts(documents, encoder_.prefix(), scorer_);
  EXPECT_EQ(summarize_texts("text", unknown).find("word_perplexity"), nullptr);
}

}  // namespace
}  // namespace superpose::tasks
