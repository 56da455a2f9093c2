// Requests of about one length go through the decoder together: sorted by what they read, longest
// first, and cut into batches of about kBatchPositions padded positions. Causal attention does not
// see the padding behind a row.
#include "eval/decoder_scorer.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "util/error.h"

namespace superpose::eval {
namespace {

using tasks::Score;
using tasks::ScoreRequest;

// Enough to fill the cores, little memory.
constexpr std::int64_t kBatchPositions = 4096;

// What the decoder reads for a request: all ids but the last.
std::int64_t length_of(const ScoreRequest& request) {
  return std::ssize(request.context) + std::ssize(request.continuation) - 1;
}

std::int32_t id_at(const ScoreRequest& request, std::int64_t index) {
  const std::int64_t inside = index - std::ssize(request.context);
  return inside < 0 ? request.context[static_cast<std::size_t>(index)]
                    : request.continuation[static_cast<std::size_t>(inside)];
}

// By length, longest first, then by ids: requests that read the same are neighbours.
bool reads_before(const ScoreRequest& a, const ScoreRequest& b) {
  const std::int64_t length = length_of(a);
  if (length != length_of(b)) return length > length_of(b);
  for (std::int64_t i = 0; i < length; ++i) {
    const std::int32_t left = id_at(a, i), right = id_at(b, i);
    if (left != right) return left < right;
  }
  return false;
}

void check_ids(const ScoreRequest& request, std::int64_t vocabulary_size) {
  for (const auto* ids : {&request.context, &request.continuation}) {
    for (const std::int32_t id : *ids) {
      util::require(id >= 0 && id < vocabulary_size, "eval: the model knows ids below ",
                    vocabulary_size, ", got ", id, ": is the tokenizer another model's?");
    }
  }
}

// Requests that go through the decoder together. `rows[i]` is the row of requests[i].
struct Batch {
  std::vector<std::size_t> requests;
  std::vector<std::int64_t> rows;
  std::int64_t num_rows = 0;
  std::int64_t length = 0;  // of the longest row
};

std::vector<Batch> make_batches(std::span<const ScoreRequest> requests) {
  std::vector<std::size_t> order(requests.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return reads_before(requests[a], requests[b]);
  });
  std::vector<Batch> batches;
  const ScoreRequest* last = nullptr;
  for (const std::size_t index : order) {
    const ScoreRequest& request = requests[index];
    const bool is_new_row = last == nullptr || reads_before(*last, request);
    const bool is_full =
        batches.empty() || (batches.back().num_rows + 1) * batches.back().length > kBatchPositions;
    if (is_new_row && is_full) batches.push_back({.requests = {}, .rows = {}});
    Batch& batch = batches.back();
    if (batch.num_rows == 0) batch.length = length_of(request);
    if (is_new_row) ++batch.num_rows;
    batch.requests.push_back(index);
    batch.rows.push_back(batch.num_rows - 1);
    last = &request;
  }
  return batches;
}

// Where the tokens of each request begin among those of all, and their number.
std::vector<std::int64_t> token_offsets(std::span<const ScoreRequest> requests) {
  std::vector<std::int64_t> offsets{0};
  for (const ScoreRequest& request : requests) {
    offsets.push_back(offsets.back() + std::ssize(request.continuation));
  }
  return offsets;
}

// Fills the columns of the batch's tokens in `tokens` [2, N]: losses; 1 where a token is the
// likeliest.
void score_batch(const model::Decoder& decoder, std::span<const ScoreRequest> requests,
                 const Batch& batch, std::span<const std::int64_t> offsets,
                 const at::Tensor& tokens) {
  at::Tensor ids = at::zeros({batch.num_rows, batch.length, 1}, at::kLong);
  auto* const id_values = ids.mutable_data_ptr<std::int64_t>();
  std::vector<std::int64_t> positions, targets;
  for (std::size_t i = 0; i < batch.requests.size(); ++i) {
    const ScoreRequest& request = requests[batch.requests[i]];
    const std::int64_t begin = batch.rows[i] * batch.length;
    for (std::int64_t j = 0; j < length_of(request); ++j) {
      id_values[begin + j] = id_at(request, j);
    }
    std::int64_t position = begin + std::ssize(request.context) - 1;
    for (const std::int32_t id : request.continuation) {
      positions.push_back(position++);
      targets.push_back(id);
    }
  }
  const at::Device device = decoder.device();
  const at::Tensor states = decoder.hidden({ids.to(device)}, model::Gradients::kNone)
                                .index_select(0, at::tensor(positions, at::kLong).to(device));
  const model::TokenScores result =
      decoder.scores_of(states, at::tensor(targets, at::kLong).to(device));
  const at::Tensor losses = result.losses.to(at::kCPU), are_best = result.is_best.to(at::kCPU);
  const auto* loss = losses.const_data_ptr<float>();
  const auto* is_best = are_best.const_data_ptr<bool>();
  auto* const values = tokens.mutable_data_ptr<float>();
  for (const std::size_t index : batch.requests) {
    for (std::int64_t token = offsets[index]; token < offsets[index + 1]; ++token) {
      values[token] = *loss++;
      values[tokens.size(1) + token] = *is_best++ ? 1 : 0;
    }
  }
}

std::vector<Score> scores_of(std::span<const std::int64_t> offsets, const at::Tensor& tokens) {
  const auto* const losses = tokens.const_data_ptr<float>();
  const auto* const are_best = losses + tokens.size(1);
  std::vector<Score> scores;
  for (std::size_t index = 0; index + 1 < offsets.size(); ++index) {
    Score& score = scores.emplace_back(Score{.log_likelihood = 0, .is_greedy = true});
    for (std::int64_t token = offsets[index]; token < offsets[index + 1]; ++token) {
      score.log_likelihood -= double{losses[token]};
      score.is_greedy = score.is_greedy && are_best[token] > 0;
    }
  }
  return scores;
}

std::int64_t positions_of(const std::vector<Batch>& batches) {
  std::int64_t positions = 0;
  for (const Batch& batch : batches) positions += batch.num_rows * batch.length;
  return positions;
}

}  // namespace

std::vector<Score> DecoderScorer::score(std::span<const ScoreRequest> requests,
                                        const tasks::ScoreProgress& progress) const {
  for (const ScoreRequest& request : requests) check_ids(request, decoder_.config().vocab_size);
  const int ranks = collective_ == nullptr ? 1 : collective_->world_size();
  const int rank = collective_ == nullptr ? 0 : collective_->rank();
  const std::vector<Batch> batches = make_batches(requests);
  const std::int64_t all = positions_of(batches);
  const std::vector<std::int64_t> offsets = token_offsets(requests);
  // The other ranks' tokens are zero here, so summing over ranks changes no bit.
  const at::Tensor tokens = at::zeros({2, offsets.back()}, at::kFloat);
  std::int64_t done = 0;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    if (static_cast<int>(i % static_cast<std::size_t>(ranks)) != rank) continue;
    score_batch(decoder_, requests, batches[i], offsets, tokens);
    done += batches[i].num_rows * batches[i].length;
    if (progress) progress(done, all);
  }
  if (collective_ != nullptr) collective_->all_reduce_sum(tokens);
  return scores_of(offsets, tokens);
}

std::int64_t count_positions(std::span<const ScoreRequest> requests) {
  return positions_of(make_batches(requests));
}

}  // namespace superpose::eval
