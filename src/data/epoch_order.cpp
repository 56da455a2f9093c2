// The order of an epoch, computed instead of stored.
//
// The corpus is cut into blocks of block_tokens, the last one shorter. A keyed Feistel permutation
// of the block numbers (util/random.h; key: seed and epoch) puts them in another order each epoch;
// the result, read as one sequence, is cut into lanes of equal length. Blocks keep neighbouring
// text together, so that documents and windows stay whole; lanes let the rows of a batch come from
// places far apart.
//
// A position of the sequence leads to its block by a division, once the blocks behind the short one
// are shifted by what that one lacks, and the permutation leads to the block's place in the corpus.
// So any token of any epoch is found in O(1) expected time, without a table: a run can resume,
// branch and change its number of ranks at any step
// (docs/adr/0002-order-as-a-list-of-consumptions.md).
#include "data/epoch_order.h"

#include <algorithm>
#include <string>

#include "util/error.h"
#include "util/random.h"

namespace superpose::data {
namespace {

// floor(a b / c) without overflow for token counts up to 2^62.
std::int64_t scaled(std::int64_t a, std::int64_t b, std::int64_t c) {
  return a / c * b + a % c * b / c;
}

}  // namespace

EpochOrder::EpochOrder(const EpochOrderOptions& options) : options_(options) {
  util::require(options.block_tokens >= 1, "data: block_tokens must be >= 1, got ",
                options.block_tokens);
  util::require(options.lanes >= 1 && options.lanes <= options.num_tokens,
                "data: lanes must lie in [1, tokens of the corpus], got ", options.lanes, " for ",
                options.num_tokens, " tokens");
  num_blocks_ = (options.num_tokens - 1) / options.block_tokens + 1;
}

std::int64_t EpochOrder::lane_begin(std::int64_t lane) const {
  return scaled(options_.num_tokens, lane, options_.lanes);
}

corpus::TokenRange EpochOrder::range_at(std::int64_t epoch, std::int64_t lane,
                                        std::int64_t offset) const {
  const std::int64_t size = options_.block_tokens;
  const std::uint64_t key =
      util::stream_key(options_.seed, "data.block_order", std::to_string(epoch));
  const util::FeistelPermutation block_at(static_cast<std::uint64_t>(num_blocks_), key);

  // Blocks behind the last, shorter one start earlier by what that one lacks.
  const std::int64_t last = num_blocks_ - 1;
  const std::int64_t last_size = options_.num_tokens - last * size;
  const auto last_slot =
      static_cast<std::int64_t>(block_at.inverse(static_cast<std::uint64_t>(last)));
  const std::int64_t place = lane_begin(lane) + offset;  // in the epoch
  const std::int64_t behind_last = last_slot * size + last_size;
  const std::int64_t shift = place >= behind_last ? size - last_size : 0;
  const std::int64_t slot = (place + shift) / size;
  const std::int64_t in_block = (place + shift) % size;
  const auto block = static_cast<std::int64_t>(block_at(static_cast<std::uint64_t>(slot)));
  const std::int64_t block_left = (block == last ? last_size : size) - in_block;
  return {block * size + in_block, std::min(block_left, lane_length(lane) - offset)};
}

}  // namespace superpose::data
