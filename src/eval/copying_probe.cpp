#include "eval/copying_probe.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <vector>

#include "corpus/shards/token_shards.h"
#include "eval/window_losses.h"
#include "util/random.h"

namespace superpose::eval {
namespace {

// How many of the held-out tokens have an id up to each one.
std::vector<std::int64_t> cumulative_counts(const corpus::PreparedCorpus& corpus) {
  constexpr std::int64_t kBlock = std::int64_t{1} << 16;
  const corpus::TokenShards& shards = *corpus.validation;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(corpus.vocabulary_size));
  std::vector<std::int32_t> ids;
  for (std::int64_t begin = 0; begin < shards.num_tokens(); begin += kBlock) {
    ids.resize(static_cast<std::size_t>(std::min(kBlock, shards.num_tokens() - begin)));
    shards.read(begin, ids);
    for (const std::int32_t id : ids) ++counts[static_cast<std::size_t>(id)];
  }
  for (std::size_t id = 1; id < counts.size(); ++id) counts[id] += counts[id - 1];
  return counts;
}

}  // namespace

at::Tensor copying_sequences(const corpus::PreparedCorpus& corpus, std::int64_t sequence_length) {
  const std::vector<std::int64_t> counts = cumulative_counts(corpus);
  const auto total = static_cast<double>(counts.back());
  const std::int64_t half = sequence_length / 2;
  const std::uint64_t key = util::stream_key(0, "copying");
  const at::Tensor sequences = at::empty({kProbeSequences, sequence_length}, at::kLong);
  auto* row = sequences.mutable_data_ptr<std::int64_t>();
  for (std::int64_t index = 0; index < kProbeSequences; ++index, row += sequence_length) {
    for (std::int64_t j = 0; j < half; ++j) {
      const double drawn =
          total * util::uniform01(key, static_cast<std::uint64_t>(index * half + j));
      row[j] = std::upper_bound(counts.begin(), counts.end(), static_cast<std::int64_t>(drawn)) -
               counts.begin();
    }
    for (std::int64_t j = half; j < sequence_length; ++j) row[j] = row[j - half];
  }
  return sequences;
}

CopyingScore score_copying(const model::Decoder& decoder, const at::Tensor& sequences,
                           distributed::Collective& collective) {
  const std::int64_t half = sequences.size(1) / 2;
  // Column j holds the loss of token j + 1.
  const at::Tensor losses = window_losses(decoder, sequences, collective).to(at::kDouble);
  return {.first = losses.narrow(1, 0, half - 1).mean().item<double>(),
          .second = losses.narrow(1, half, half - 1).mean().item<double>()};
}

}  // namespace superpose::eval
