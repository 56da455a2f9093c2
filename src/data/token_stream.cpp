#include "data/token_stream.h"

#include <algorithm>

#include "superposition/windows.h"
#include "util/error.h"

namespace superpose::data {
namespace {

constexpr std::int64_t kDefaultBlockTokens = 65536;

}  // namespace

std::int64_t raw_tokens_of(const std::vector<Consumption>& history) {
  std::int64_t tokens = 0;
  for (const Consumption& part : history) {
    tokens += part.rows * part.shape.advance();
  }
  return tokens;
}

void append_consumption(std::vector<Consumption>& history, const Consumption& next) {
  if (next.rows == 0) return;
  if (!history.empty()) {
    Consumption same_rows = next;
    same_rows.rows = history.back().rows;
    if (same_rows == history.back()) {
      history.back().rows += next.rows;
      return;
    }
  }
  history.push_back(next);
}

StreamLayout choose_layout(std::int64_t num_tokens, std::int64_t longest_window,
                           std::int64_t wanted_lanes, std::int64_t wanted_block_tokens) {
  util::require(num_tokens > 0, "data: corpus is empty");
  util::require(num_tokens >= longest_window,
                "data: corpus is shorter than one window: ", num_tokens,
                " training tokens, a window takes ", longest_window);
  StreamLayout layout;
  layout.lanes = std::min(wanted_lanes, num_tokens / std::max<std::int64_t>(longest_window, 1));
  layout.block_tokens = wanted_block_tokens > 0
                            ? wanted_block_tokens
                            : std::min(kDefaultBlockTokens, num_tokens / layout.lanes);
  return layout;
}

TokenStream::TokenStream(std::shared_ptr<const corpus::TokenShards> shards,
                         const StreamOptions& options)
    : shards_(std::move(shards)),
      options_(options),
      order_({.num_tokens = shards_->num_tokens(),
              .block_tokens = options.layout.block_tokens,
              .lanes = options.layout.lanes,
              .seed = options.seed}) {}

corpus::TokenRange TokenStream::piece_at(std::int64_t lane, std::int64_t cursor) const {
  const std::int64_t lane_length = order_.lane_length(lane);
  corpus::TokenRange piece = order_.range_at(cursor / lane_length, lane, cursor % lane_length);
  if (options_.document_aware) {
    const auto document = static_cast<std::size_t>(shards_->document_of(piece.first));
    piece.count = std::min(piece.count, shards_->document_ends()[document] - piece.first);
  }
  return piece;
}

void TokenStream::read(std::int64_t lane, std::int64_t cursor, std::int64_t bag_size,
                       std::span<std::int32_t> ids, std::span<std::int32_t> pieces) const {
  const std::int64_t multiple = options_.document_aware ? bag_size : 1;
  for (std::int32_t piece_number = 0; !ids.empty(); ++piece_number) {
    const corpus::TokenRange piece = piece_at(lane, cursor);
    const auto length = static_cast<std::size_t>(piece.count);
    const auto padded =
        static_cast<std::size_t>((piece.count + multiple - 1) / multiple * multiple);
    const std::size_t num_tokens = std::min(length, ids.size());
    const std::size_t num_ids = std::min(padded, ids.size());
    shards_->read(piece.first, ids.first(num_tokens));
    std::fill(ids.begin() + static_cast<std::ptrdiff_t>(num_tokens),
              ids.begin() + static_cast<std::ptrdiff_t>(num_ids), superposition::kPadding);
    ids = ids.subspan(num_ids);
    if (options_.document_aware) {
      std::fill_n(pieces.begin(), num_ids, piece_number);
      pieces = pieces.subspan(num_ids);
    }
    cursor += piece.count;
  }
}

}  // namespace superpose::data
