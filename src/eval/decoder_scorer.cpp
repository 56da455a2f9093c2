// A batch of rows that share nothing goes through the decoder as a batch of training does. Where
// rows begin with the same ids these are read once into a key-value cache, and each row continues
// from there. Causal attention does not see the padding behind a row.
#include "eval/decoder_scorer.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cstddef>
#include <functional>
#include <optional>

#include "eval/score_batches.h"
#include "model/key_value_cache.h"
#include "ops/row_by_row.h"
#include "util/error.h"

namespace superpose::eval {
namespace {

using tasks::Score;
using tasks::ScoreRequest;

void check_ids(const ScoreRequest& request, std::int64_t vocabulary_size) {
  for (const auto* ids : {&request.context, &request.continuation}) {
    for (const std::int32_t id : *ids) {
      util::require(id >= 0 && id < vocabulary_size, "eval: the model knows ids below ",
                    vocabulary_size, ", got ", id, ": is the tokenizer another model's?");
    }
  }
}

// Where the tokens of each request begin among those of all, and their number.
std::vector<std::int64_t> token_offsets(std::span<const ScoreRequest> requests) {
  std::vector<std::int64_t> offsets{0};
  for (const ScoreRequest& request : requests) {
    offsets.push_back(offsets.back() + std::ssize(request.continuation));
  }
  return offsets;
}

// Whether extend() has a kernel of its own, and so is the faster way.
bool has_cached_kernel(const model::Decoder& decoder) {
  return decoder.device().is_cpu() && decoder.compute_type() == at::kFloat;
}

// One batch: fills the columns of its tokens in `tokens` [2, N]: losses; 1 where a token is the
// likeliest.
class BatchScoring {
 public:
  BatchScoring(const model::Decoder& decoder, std::span<const ScoreRequest> requests,
               const ScoreBatch& batch, std::span<const std::int64_t> offsets,
               const at::Tensor& tokens)
      : decoder_(decoder), requests_(requests), batch_(batch), offsets_(offsets), tokens_(tokens) {}

  void run() const {
    const ops::RowByRow row_by_row(ops::RowWay::kBlocks);
    std::optional<model::KeyValueCache> cache;
    std::vector<std::int64_t> slots;
    if (batch_.shares) {
      cache.emplace(decoder_.make_cache(std::ssize(batch_.groups), batch_.prefix + batch_.length));
      for (std::int64_t slot = 0; slot < cache->num_slots(); ++slot) slots.push_back(slot);
      const at::Tensor ids = ids_of(
          0,
          [](const RowGroup& group) {
            return std::pair<std::int64_t, std::int64_t>(0, group.prefix);
          },
          batch_.prefix);
      decoder_.extend(ids.to(decoder_.device()), slots, *cache, ops::RowWay::kBlocks);
    }
    for (std::int64_t turn = 0; turn < batch_.most_rows(); ++turn) {
      const auto from_prefix = [turn](const RowGroup& group) {
        return std::pair(group.prefix, row_of(group, turn).length);
      };
      const std::int64_t length = batch_.length_of(turn);
      const at::Tensor ids = ids_of(turn, from_prefix, length).to(decoder_.device());
      if (!cache) {
        score(turn, length, decoder_.hidden({ids.unsqueeze(2)}, model::Gradients::kNone));
        continue;
      }
      slots.resize(static_cast<std::size_t>(batch_.groups_with(turn)));
      for (const std::int64_t slot : slots) {
        cache->truncate(slot, batch_.groups[static_cast<std::size_t>(slot)].prefix);
      }
      score(turn, length, decoder_.extend(ids, slots, *cache, ops::RowWay::kBlocks).flatten(0, 1));
    }
  }

 private:
  // Places of ids in a row, from the first one to one beyond the last.
  using Span = std::function<std::pair<std::int64_t, std::int64_t>(const RowGroup& group)>;

  static const ScoreRow& row_of(const RowGroup& group, std::int64_t turn) {
    return group.rows[static_cast<std::size_t>(turn)];
  }

  // [groups with that row, length], with `padding` behind each.
  at::Tensor ids_of(std::int64_t turn, const Span& span, std::int64_t length) const {
    // The cache's rows may end early; others go through the decoder as they are.
    const std::int64_t padding = batch_.shares ? -1 : 0;
    at::Tensor ids = at::full({batch_.groups_with(turn), length}, padding, at::kLong);
    auto* to = ids.mutable_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < ids.size(0); ++i, to += length) {
      const RowGroup& group = batch_.groups[static_cast<std::size_t>(i)];
      const ScoreRequest& request = requests_[row_of(group, turn).requests.front()];
      const auto [begin, end] = span(group);
      for (std::int64_t j = begin; j < end; ++j) to[j - begin] = id_at(request, j);
    }
    return ids;
  }

  // `states` [groups with that row * length, D].
  void score(std::int64_t turn, std::int64_t length, const at::Tensor& states) const {
    std::vector<std::int64_t> positions, targets;
    const std::int64_t groups = batch_.groups_with(turn);
    for (std::int64_t i = 0; i < groups; ++i) {
      const RowGroup& group = batch_.groups[static_cast<std::size_t>(i)];
      for (const std::size_t index : row_of(group, turn).requests) {
        const ScoreRequest& request = requests_[index];
        std::int64_t position = i * length + std::ssize(request.context) - 1 - group.prefix;
        for (const std::int32_t id : request.continuation) {
          positions.push_back(position++);
          targets.push_back(id);
        }
      }
    }
    const at::Device device = decoder_.device();
    const model::TokenScores result =
        decoder_.scores_of(states.index_select(0, at::tensor(positions, at::kLong).to(device)),
                           at::tensor(targets, at::kLong).to(device));
    const at::Tensor losses = result.losses.to(at::kCPU), are_best = result.is_best.to(at::kCPU);
    const auto* loss = losses.const_data_ptr<float>();
    const auto* is_best = are_best.const_data_ptr<bool>();
    auto* const values = tokens_.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < groups; ++i) {
      for (const std::size_t index :
           row_of(batch_.groups[static_cast<std::size_t>(i)], turn).requests) {
        for (std::int64_t token = offsets_[index]; token < offsets_[index + 1]; ++token) {
          values[token] = *loss++;
          values[tokens_.size(1) + token] = *is_best++ ? 1 : 0;
        }
      }
    }
  }

  const model::Decoder& decoder_;
  std::span<const ScoreRequest> requests_;
  const ScoreBatch& batch_;
  std::span<const std::int64_t> offsets_;
  const at::Tensor& tokens_;
};

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

std::int64_t positions_of(const std::vector<ScoreBatch>& batches) {
  std::int64_t positions = 0;
  for (const ScoreBatch& batch : batches) positions += batch.positions();
  return positions;
}

}  // namespace

std::vector<Score> DecoderScorer::score(std::span<const ScoreRequest> requests,
                                        const tasks::ScoreProgress& progress) const {
  for (const ScoreRequest& request : requests) check_ids(request, decoder_.config().vocab_size);
  const int ranks = collective_ == nullptr ? 1 : collective_->world_size();
  const int rank = collective_ == nullptr ? 0 : collective_->rank();
  const std::vector<ScoreBatch> batches =
      make_batches(requests, max_positions(), has_cached_kernel(decoder_));
  const std::int64_t all = positions_of(batches);
  const std::vector<std::int64_t> offsets = token_offsets(requests);
  // The other ranks' tokens are zero here, so summing over ranks changes no bit.
  const at::Tensor tokens = at::zeros({2, offsets.back()}, at::kFloat);
  std::int64_t done = 0;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    if (static_cast<int>(i % static_cast<std::size_t>(ranks)) != rank) continue;
    BatchScoring(decoder_, requests, batches[i], offsets, tokens).run();
    done += batches[i].positions();
    if (progress) progress(done, all);
  }
  if (collective_ != nullptr) collective_->all_reduce_sum(tokens);
  return scores_of(offsets, tokens);
}

std::int64_t count_positions(std::span<const ScoreRequest> requests, std::int64_t max_positions,
                             bool shares_prefixes) {
  return positions_of(make_batches(requests, max_positions, shares_prefixes));
}

}  // namespace superpose::eval
