// The order of the tokens within an epoch: blocks in random order, cut into lanes.
#pragma once

#include <cstdint>

#include "corpus/shards/token_range.h"

namespace superpose::data {

struct EpochOrderOptions {
  std::int64_t num_tokens = 0;
  std::int64_t block_tokens = 0;
  std::int64_t lanes = 0;
  std::uint64_t seed = 0;
};

// The order of the tokens of every epoch: blocks of block_tokens (the last one may be shorter)
// under a permutation keyed by (seed, epoch), put together and cut into lanes whose lengths differ
// by one token at most. Nothing is stored; every question takes O(1).
class EpochOrder {
 public:
  // Throws util::Error unless 1 <= lanes <= num_tokens and block_tokens >= 1.
  explicit EpochOrder(const EpochOrderOptions& options);

  std::int64_t num_blocks() const { return num_blocks_; }
  std::int64_t lane_length(std::int64_t lane) const {
    return lane_begin(lane + 1) - lane_begin(lane);
  }

  // The longest range of consecutive tokens from `offset` of a lane on: up to the end of the block
  // or of the lane. 0 <= offset < lane_length(lane).
  corpus::TokenRange range_at(std::int64_t epoch, std::int64_t lane, std::int64_t offset) const;

 private:
  std::int64_t lane_begin(std::int64_t lane) const;

  EpochOrderOptions options_;
  std::int64_t num_blocks_;
};

}  // namespace superpose::data
