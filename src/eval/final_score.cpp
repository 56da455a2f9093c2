#include "eval/final_score.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <numbers>
#include <numeric>

#include "corpus/shards/token_shards.h"
#include "eval/window_losses.h"
#include "util/error.h"

namespace superpose::eval {
namespace {

struct Window {
  std::int64_t document = 0;
  std::int64_t position = 0;  // of its first token in the shards
  std::int64_t length = 0;    // predicted tokens
};

std::vector<Window> all_windows(const corpus::TokenShards& shards, std::int64_t length) {
  std::vector<Window> windows;
  std::int64_t begin = 0;
  std::int64_t document = 0;
  for (const std::int64_t end : shards.document_ends()) {
    for (std::int64_t at = begin; at + 1 < end; at += length) {
      windows.push_back({document, at, std::min(length, end - at - 1)});
    }
    begin = end;
    ++document;
  }
  return windows;
}

// Octaves of [0, length): 0, 1, 2-3, 4-7, ...
std::vector<PositionLoss> octaves(std::int64_t length) {
  std::vector<PositionLoss> result;
  for (std::int64_t first = 0; first < length;) {
    const std::int64_t end = std::min(length, std::max<std::int64_t>(1, 2 * first));
    result.push_back({first, end, 0});
    first = end;
  }
  return result;
}

struct Sum {
  double nats = 0;
  std::int64_t tokens = 0;

  void add(double more) {
    nats += more;
    ++tokens;
  }
  double mean() const { return nats / static_cast<double>(tokens); }
};

}  // namespace

FinalWindows cut_final_windows(const std::string& name, const corpus::PreparedCorpus& corpus,
                               std::int64_t sequence_length, std::int64_t wanted) {
  const corpus::TokenShards& shards = *corpus.validation;
  const std::vector<Window> available = all_windows(shards, sequence_length);
  const auto num_available = static_cast<std::int64_t>(available.size());
  const std::int64_t taken = std::min(num_available, wanted);
  FinalWindows windows;
  windows.name = name;
  windows.halves = corpus.validation_halves;
  windows.bytes_known = !corpus.bytes_per_id.empty();
  windows.ids = at::zeros({taken, sequence_length + 1}, at::kLong);
  auto* row = windows.ids.mutable_data_ptr<std::int64_t>();
  std::vector<std::int32_t> ids;
  for (std::int64_t index = 0; index < taken; ++index, row += sequence_length + 1) {
    const Window& window = available[static_cast<std::size_t>(index * num_available / taken)];
    ids.resize(static_cast<std::size_t>(window.length + 1));
    shards.read(window.position, ids);
    std::copy(ids.begin(), ids.end(), row);
    windows.lengths.push_back(window.length);
    windows.documents.push_back(window.document);
    if (windows.bytes_known) {
      windows.num_bytes += std::accumulate(
          ids.begin() + 1, ids.end(), std::int64_t{0}, [&](std::int64_t sum, std::int32_t id) {
            return sum + corpus.bytes_per_id.at(static_cast<std::size_t>(id));
          });
    }
  }
  return windows;
}

FinalScore score_final(const model::Decoder& decoder, const FinalWindows& windows,
                       double document_cap, distributed::Collective& collective) {
  const std::int64_t length = windows.ids.size(1) - 1;
  const at::Tensor losses = window_losses(decoder, windows.ids, collective);
  const auto* loss = losses.const_data_ptr<float>();

  Sum all;
  Sum halves[2];
  const std::vector<PositionLoss> ranges = octaves(length);
  std::vector<Sum> by_position(ranges.size());
  FinalScore score;
  score.by_document.resize(windows.halves.size());
  for (std::size_t w = 0; w < windows.lengths.size(); ++w, loss += length) {
    const auto document = static_cast<std::size_t>(windows.documents[w]);
    DocumentLoss& part = score.by_document[document];
    Sum& half = halves[static_cast<std::size_t>(windows.halves[document])];
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const std::int64_t end = std::min(ranges[i].end, windows.lengths[w]);
      for (std::int64_t j = ranges[i].first; j < end; ++j) {
        const double nats = loss[j];
        by_position[i].add(nats);
        half.add(nats);
        all.add(nats);
        part.nats += nats;
        ++part.tokens;
      }
    }
  }

  score.loss = all.mean();
  score.tokens = all.tokens;
  if (halves[0].tokens > 0) score.loss_half_a = halves[0].mean();
  if (halves[1].tokens > 0) score.loss_half_b = halves[1].mean();
  if (windows.bytes_known && windows.num_bytes > 0) {
    score.bits_per_byte = all.nats / std::numbers::ln2 / static_cast<double>(windows.num_bytes);
  }
  if (document_cap > 0) score.capped_loss = capped_loss(score.by_document, document_cap);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (by_position[i].tokens == 0) continue;
    score.by_position.push_back({ranges[i].first, ranges[i].end, by_position[i].mean()});
  }
  return score;
}

double capped_loss(const std::vector<DocumentLoss>& documents, double cap) {
  std::vector<DocumentLoss> scored;
  std::copy_if(documents.begin(), documents.end(), std::back_inserter(scored),
               [](const DocumentLoss& document) { return document.tokens > 0; });
  util::require(!scored.empty(), "capped loss: no document has a scored token");
  std::sort(scored.begin(), scored.end(),
            [](const DocumentLoss& a, const DocumentLoss& b) { return a.tokens < b.tokens; });
  // With the k longest at the limit: limit = cap * (tokens of the others + k * limit).
  double limit = 1;  // all weigh the same
  auto rest = std::accumulate(scored.begin(), scored.end(), 0.0, [](double sum, const auto& d) {
    return sum + static_cast<double>(d.tokens);
  });
  for (std::size_t k = 0; k < scored.size() && cap * static_cast<double>(k) < 1; ++k) {
    const double with_k = cap * rest / (1 - cap * static_cast<double>(k));
    const auto next = static_cast<double>(scored[scored.size() - 1 - k].tokens);
    if (next <= with_k) {
      limit = with_k;
      break;
    }
    rest -= next;
  }
  double nats = 0;
  double weights = 0;
  for (const DocumentLoss& document : scored) {
    const auto tokens = static_cast<double>(document.tokens);
    const double weight = std::min(tokens, limit);
    nats += weight * document.nats / tokens;
    weights += weight;
  }
  return nats / weights;
}

}  // namespace superpose::eval
