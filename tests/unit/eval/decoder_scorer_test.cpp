#include "eval/decoder_scorer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/error_of.h"
#include "support/eval_model.h"
#include "support/half_of_two.h"

namespace superpose::eval {
namespace {

using tasks::Score;
using tasks::ScoreRequest;

class Scoring : public testing::Test {
 protected:
  std::vector<Score> score(const std::vector<ScoreRequest>& requests) const {
    return scorer_.score(requests, {});
  }

  // The log-likelihood by the logits of this request alone, in f64.
  double by_logits(const ScoreRequest& request) const {
    std::vector<std::int64_t> ids(request.context.begin(), request.context.end());
    ids.insert(ids.end(), request.continuation.begin(), request.continuation.end());
    const auto losses = tiny_.losses_by_logits(at::tensor(ids, at::kLong).unsqueeze(0));
    double sum = 0;
    for (std::size_t i = request.context.size() - 1; i < losses.size(); ++i) sum -= losses[i];
    return sum;
  }

  // What the model finds likeliest behind some ids.
  std::int32_t best_after(const std::vector<std::int32_t>& context) const {
    const at::Tensor ids = at::tensor(std::vector<std::int64_t>(context.begin(), context.end()));
    const at::Tensor logits = tiny_.decoder.logits(ids.view({1, -1, 1}));
    return static_cast<std::int32_t>(logits[0][-1].argmax().item<std::int64_t>());
  }

  test::TinyDecoder tiny_;
  DecoderScorer scorer_{tiny_.decoder};
};

// Of all lengths at once: neither the padding nor what shares a batch or a row changes a score.
TEST_F(Scoring, IsThatOfEachRequestAlone) {
  std::vector<ScoreRequest> requests;
  for (int i = 0; i < 200; ++i) {
    ScoreRequest request;
    for (int j = 0; j <= i % 37; ++j) request.context.push_back((7 * i + 3 * j) % 256);
    for (int j = 0; j <= i % 5; ++j) request.continuation.push_back((11 * i + j) % 256);
    requests.push_back(request);
  }
  // The same context for several single ids, and a request twice.
  for (const std::int32_t id : {1, 2, 3, 2}) requests.push_back({{5, 6, 7}, {id}});
  const std::vector<Score> scores = score(requests);
  ASSERT_EQ(scores.size(), requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_NEAR(scores[i].log_likelihood, by_logits(requests[i]), 1e-4) << i;
  }
}

TEST_F(Scoring, GreedyIsEveryTokenTheLikeliest) {
  const std::vector<std::int32_t> context{1, 2, 3};
  const std::int32_t first = best_after(context);
  const std::int32_t second = best_after({1, 2, 3, first});
  const std::int32_t other = (first + 1) % 256;
  const auto scores = score({{context, {first, second}},
                             {context, {first}},
                             {context, {other}},
                             {context, {other, best_after({1, 2, 3, other})}},
                             {context, {first, (second + 1) % 256}}});
  std::vector<bool> greedy;
  for (const Score& one : scores) greedy.push_back(one.is_greedy);
  EXPECT_THAT(greedy, testing::ElementsAre(true, true, false, false, false));
}

TEST_F(Scoring, TellsHowFarItIs) {
  std::vector<ScoreRequest> requests;
  for (int i = 0; i < 600; ++i) requests.push_back({{i % 256, i / 256, 1, 2, 3, 4, 5, 6}, {7, 8}});
  std::vector<std::int64_t> done;
  std::int64_t whole = 0;
  scorer_.score(requests, [&](std::int64_t part, std::int64_t all) {
    done.push_back(part);
    whole = all;
  });
  EXPECT_EQ(whole, 600 * 9);
  ASSERT_GT(done.size(), 1);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(done.back(), whole);
}

TEST_F(Scoring, HasTheSameBitsForTwoRanks) {
  std::vector<ScoreRequest> requests;
  for (int i = 0; i < 900; ++i) {
    ScoreRequest request{{i % 256, 1, 2, 3}, {i / 256, 7}};
    for (int j = 0; j < i % 19; ++j) request.context.push_back(j);
    requests.push_back(request);
  }
  const std::vector<Score> expected = score(requests);
  at::Tensor kept;
  test::HalfOfTwo first(0, kept);
  test::HalfOfTwo second(1, kept);
  const auto half = DecoderScorer(tiny_.decoder, &first).score(requests, {});
  const auto both = DecoderScorer(tiny_.decoder, &second).score(requests, {});
  int done_by_first = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(both[i].log_likelihood, expected[i].log_likelihood) << i;
    EXPECT_EQ(both[i].is_greedy, expected[i].is_greedy) << i;
    done_by_first += half[i].log_likelihood != 0 ? 1 : 0;
  }
  EXPECT_GT(done_by_first, 0);
  EXPECT_LT(done_by_first, 900) << "the first rank did all the work";
}

TEST_F(Scoring, CountsPositionsWithTheirPadding) {
  const std::vector<ScoreRequest> requests = {{{1, 2}, {3}}, {{1, 2}, {4}}, {{1}, {2}}};
  EXPECT_EQ(count_positions(requests, 64, true), 2 * 2) << "two rows of two positions";
}

std::vector<std::int32_t> ids_from(std::int32_t first, int count) {
  std::vector<std::int32_t> ids;
  for (int i = 0; i < count; ++i) ids.push_back((first + 3 * i) % 256);
  return ids;
}

// Questions with several choices of other lengths, some behind one long text, and single ones.
std::vector<ScoreRequest> choices_of_questions() {
  std::vector<ScoreRequest> requests;
  const std::vector<std::int32_t> shot = ids_from(7, 20);
  for (std::int32_t question = 0; question < 12; ++question) {
    std::vector<std::int32_t> context = question % 3 == 0 ? shot : std::vector<std::int32_t>();
    const auto own = ids_from(11 * question, 17 + question % 4);
    context.insert(context.end(), own.begin(), own.end());
    for (std::int32_t choice = 0; choice < 2 + question % 3; ++choice) {
      requests.push_back({context, ids_from(50 * choice + question, 1 + 2 * choice)});
    }
  }
  requests.push_back({{9}, {8, 7}});
  return requests;
}

TEST_F(Scoring, ReadsWhatChoicesShareOnce) {
  const std::vector<ScoreRequest> requests = choices_of_questions();
  const std::int64_t most = scorer_.max_positions();
  EXPECT_LT(count_positions(requests, most, true), count_positions(requests, most, false) * 2 / 3);
  const std::vector<Score> scores = score(requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_NEAR(scores[i].log_likelihood, by_logits(requests[i]), 1e-4) << i;
  }
}

// Neither threads nor the other questions of its kind change a score.
TEST_F(Scoring, HasTheSameBitsForAnyNumberOfThreads) {
  const std::vector<ScoreRequest> requests = choices_of_questions();
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const std::vector<Score> expected = score(requests);
  at::set_num_threads(3);
  const std::vector<Score> scores = score(requests);
  at::set_num_threads(threads);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(scores[i].log_likelihood, expected[i].log_likelihood) << i;
  }
}

TEST_F(Scoring, RefusesIdsOfAnotherTokenizer) {
  EXPECT_THAT(test::error_of([&] { score({{{1}, {99999}}}); }), testing::HasSubstr("99999"));
  EXPECT_THAT(test::error_of([&] { score({{{-1}, {1}}}); }), testing::HasSubstr("-1"));
  EXPECT_TRUE(score({}).empty());
}

}  // namespace
}  // namespace superpose::eval
