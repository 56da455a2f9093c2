#include "eval/validation.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <set>
#include <span>

#include "corpus/shards/token_shards.h"
#include "eval/window_losses.h"
#include "util/error.h"

namespace superpose::eval {
namespace {

// The documents of one half, read as one sequence.
class HalfStream {
 public:
  HalfStream(const corpus::PreparedCorpus& corpus, corpus::Half half)
      : shards_(*corpus.validation) {
    std::int64_t begin = 0;
    const std::span<const std::int64_t> ends = shards_.document_ends();
    for (std::size_t document = 0; document < ends.size(); ++document) {
      const std::int64_t end = ends[document];
      if (corpus.validation_halves.at(document) == half) {
        starts_.push_back(num_tokens_);
        positions_.push_back(begin);
        num_tokens_ += end - begin;
      }
      begin = end;
    }
    starts_.push_back(num_tokens_);
  }

  std::int64_t num_tokens() const { return num_tokens_; }

  // Index, among the documents of this half, of the one that holds a token.
  std::int64_t document_of(std::int64_t offset) const {
    return std::upper_bound(starts_.begin(), starts_.end(), offset) - starts_.begin() - 1;
  }

  // `starts` receives, for as many of the tokens as it has room, the first token of `out` that
  // belongs to the same document.
  void read(std::int64_t offset, std::span<std::int32_t> out,
            std::span<std::int64_t> starts) const {
    auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
    std::size_t done = 0;
    while (done < out.size()) {
      const auto document = static_cast<std::size_t>(next - starts_.begin()) - 1;
      const std::int64_t here = offset + static_cast<std::int64_t>(done);
      const auto count = std::min(out.size() - done, static_cast<std::size_t>(*next - here));
      shards_.read(positions_[document] + here - starts_[document], out.subspan(done, count));
      for (std::size_t i = done; i < std::min(done + count, starts.size()); ++i) {
        starts[i] = static_cast<std::int64_t>(done);
      }
      done += count;
      ++next;
    }
  }

 private:
  const corpus::TokenShards& shards_;
  std::vector<std::int64_t> starts_;     // of each document in the sequence, and its end
  std::vector<std::int64_t> positions_;  // of each document in the shards
  std::int64_t num_tokens_ = 0;
};

// Of text in the tokens that a window predicts: all but its first.
std::int64_t count_bytes(const corpus::PreparedCorpus& corpus,
                         const std::vector<std::int32_t>& window) {
  return std::accumulate(window.begin() + 1, window.end(), std::int64_t{0},
                         [&](std::int64_t sum, std::int32_t id) {
                           return sum + corpus.bytes_per_id.at(static_cast<std::size_t>(id));
                         });
}

HalfWindows cut_half(const corpus::PreparedCorpus& corpus, corpus::Half half, std::int64_t length,
                     std::int64_t wanted) {
  const HalfStream stream(corpus, half);
  const std::int64_t available = std::max<std::int64_t>(0, (stream.num_tokens() - 1) / length);
  const std::int64_t taken = std::min(available, wanted);
  HalfWindows windows;
  windows.ids = at::empty({taken, length + 1}, at::kLong);
  windows.document_starts = at::empty({taken, length}, at::kLong);
  auto* ids = windows.ids.mutable_data_ptr<std::int64_t>();
  auto* starts = windows.document_starts.mutable_data_ptr<std::int64_t>();
  std::vector<std::int32_t> window(static_cast<std::size_t>(length + 1));
  std::set<std::int64_t> documents;
  for (std::int64_t index = 0; index < taken; ++index) {
    const std::int64_t begin = index * available / taken * length;
    stream.read(begin, window, {starts + index * length, static_cast<std::size_t>(length)});
    for (std::int64_t at = begin + 1; at <= begin + length; ++at) {
      documents.insert(stream.document_of(at));
    }
    if (!corpus.bytes_per_id.empty()) windows.num_bytes += count_bytes(corpus, window);
    ids = std::copy(window.begin(), window.end(), ids);
  }
  windows.num_documents = std::ssize(documents);
  return windows;
}

// Sum of the loss over the windows [begin, begin + count) of a half.
double sum_of_losses(const model::Decoder& decoder, const HalfWindows& half, std::int64_t begin,
                     std::int64_t count, at::Device device) {
  const at::Tensor ids = half.ids.narrow(0, begin, count).to(device);
  const std::int64_t length = ids.size(1) - 1;
  const at::Tensor inputs = ids.narrow(1, 0, length).unsqueeze(2).contiguous();   // [G, L, 1]
  const at::Tensor targets = ids.narrow(1, 1, length).unsqueeze(2).contiguous();  // [G, L, 1]
  const at::Tensor one = at::ones({1}, at::TensorOptions().dtype(at::kFloat).device(device));
  const at::Tensor starts = half.document_starts.narrow(0, begin, count).to(device);
  return decoder.loss({inputs, starts}, targets, one, model::Gradients::kNone).item<float>();
}

struct Group {
  const HalfWindows* half;
  std::int64_t begin, count;
};

std::vector<Group> groups_of(const ValidationSet& windows) {
  const std::int64_t size = std::max<std::int64_t>(1, kGroupPositions / windows.sequence_length);
  std::vector<Group> groups;
  for (const HalfWindows* half : {&windows.half_a, &windows.half_b}) {
    for (std::int64_t begin = 0; begin < half->num_windows(); begin += size) {
      groups.push_back({half, begin, std::min(size, half->num_windows() - begin)});
    }
  }
  return groups;
}

}  // namespace

ValidationSet make_validation_set(const std::string& name, const corpus::PreparedCorpus& corpus,
                                  std::int64_t sequence_length, const EvaluationConfig& config) {
  ValidationSet set;
  set.name = name;
  set.fingerprint = corpus.validation_fingerprint;
  set.num_documents = corpus.validation_stats.documents;
  set.num_tokens = corpus.validation_stats.tokens;
  set.sequence_length = sequence_length;
  set.bytes_known = !corpus.bytes_per_id.empty();
  const std::int64_t wanted = config.windows / 2;
  set.half_a = cut_half(corpus, corpus::Half::kA, sequence_length, wanted);
  set.half_b = cut_half(corpus, corpus::Half::kB, sequence_length, wanted);
  util::require(
      set.num_windows() > 0, "validation set ", name, ": its documents must fill a window of ",
      sequence_length + 1, " tokens, got ", set.num_tokens, " tokens in ", set.num_documents,
      " documents: give it more text, or raise data.validation_share where it is what [data] "
      "holds out");
  return set;
}

ValidationResult validate(const model::Decoder& decoder, const ValidationSet& set,
                          at::Device device, distributed::Collective& collective) {
  const std::vector<Group> groups = groups_of(set);
  // One number per group; the others' are zero here, so summing over ranks changes no bit.
  const at::Tensor sums = at::zeros({static_cast<std::int64_t>(groups.size())}, at::kFloat);
  auto* sum = sums.mutable_data_ptr<float>();
  for (std::size_t index = 0; index < groups.size(); ++index) {
    if (static_cast<int>(index % static_cast<std::size_t>(collective.world_size())) !=
        collective.rank()) {
      continue;
    }
    const Group& group = groups[index];
    sum[index] =
        static_cast<float>(sum_of_losses(decoder, *group.half, group.begin, group.count, device));
  }
  collective.all_reduce_sum(sums);

  double nats_a = 0;
  double nats_b = 0;
  for (std::size_t index = 0; index < groups.size(); ++index) {
    (groups[index].half == &set.half_a ? nats_a : nats_b) += sum[index];
  }
  const auto tokens_a = static_cast<double>(set.half_a.num_windows() * set.sequence_length);
  const auto tokens_b = static_cast<double>(set.half_b.num_windows() * set.sequence_length);
  ValidationResult result;
  result.loss = (nats_a + nats_b) / (tokens_a + tokens_b);
  if (tokens_a > 0) result.loss_half_a = nats_a / tokens_a;
  if (tokens_b > 0) result.loss_half_b = nats_b / tokens_b;
  result.perplexity = std::exp(result.loss);
  const auto bytes = static_cast<double>(set.half_a.num_bytes + set.half_b.num_bytes);
  if (set.bytes_known && bytes > 0) {
    result.bits_per_byte = (nats_a + nats_b) / std::numbers::ln2 / bytes;
  }
  return result;
}

}  // namespace superpose::eval
