// Distances in a stream whose documents are padded to multiples of the bag size.
//
// Padded lengths of documents add up to prefix sums, one number per document. The part of a lane
// within one block is a contiguous range of the corpus, so its padded length is that of the two
// documents at its ends, which the block cuts, plus a difference of two prefix sums; and a padded
// distance leads back to a raw offset by binary search in them. A question walks over the blocks of
// the lane, O(log documents) for each.
#include "data/padded_lanes.h"

#include <algorithm>

namespace superpose::data {

PaddedLanes::PaddedLanes(const TokenStream& stream, std::int64_t bag_size)
    : stream_(stream), bag_size_(bag_size) {
  const auto ends = stream.shards().document_ends();
  padded_ends_.reserve(ends.size());
  std::int64_t begin = 0;
  std::int64_t total = 0;
  for (const std::int64_t end : ends) {
    total += padded(end - begin);
    padded_ends_.push_back(total);
    begin = end;
  }
}

std::int64_t PaddedLanes::rest_of_epoch(std::int64_t lane, std::int64_t cursor) const {
  const std::int64_t lane_length = stream_.order().lane_length(lane);
  const std::int64_t epoch_end = (cursor / lane_length + 1) * lane_length;
  std::int64_t total = 0;
  while (cursor < epoch_end) {
    const corpus::TokenRange range = range_at(lane, cursor);
    total += padded_length(range);
    cursor += range.count;
  }
  return total;
}

std::int64_t PaddedLanes::advance(std::int64_t lane, std::int64_t cursor,
                                  std::int64_t distance) const {
  while (distance > 0) {
    const corpus::TokenRange range = range_at(lane, cursor);
    const std::int64_t length = padded_length(range);
    if (distance < length) return cursor + find(range, distance);
    distance -= length;
    cursor += range.count;
  }
  return cursor;
}

std::int64_t PaddedLanes::padded(std::int64_t length) const {
  return (length + bag_size_ - 1) / bag_size_ * bag_size_;
}

// The documents that a range cuts count with the part inside, those between with their whole
// length.
std::int64_t PaddedLanes::padded_length(const corpus::TokenRange& range) const {
  const auto ends = stream_.shards().document_ends();
  const std::int64_t end = range.first + range.count;
  const auto first = static_cast<std::size_t>(stream_.shards().document_of(range.first));
  const auto last = static_cast<std::size_t>(stream_.shards().document_of(end - 1));
  if (first == last) return padded(range.count);
  return padded(ends[first] - range.first) + padded_ends_[last - 1] - padded_ends_[first] +
         padded(end - ends[last - 1]);
}

// Raw offset in a range at a padded distance from its start, 0 <= distance < padded_length.
std::int64_t PaddedLanes::find(const corpus::TokenRange& range, std::int64_t distance) const {
  const auto ends = stream_.shards().document_ends();
  const auto first = static_cast<std::size_t>(stream_.shards().document_of(range.first));
  const std::int64_t head = padded(ends[first] - range.first);
  if (distance < head) return distance;
  // In whole documents from here on: the first whose padded end lies beyond.
  const std::int64_t target = padded_ends_[first] + distance - head;
  const auto document = static_cast<std::size_t>(
      std::upper_bound(padded_ends_.begin(), padded_ends_.end(), target) - padded_ends_.begin());
  return ends[document - 1] + (target - padded_ends_[document - 1]) - range.first;
}

corpus::TokenRange PaddedLanes::range_at(std::int64_t lane, std::int64_t cursor) const {
  const std::int64_t lane_length = stream_.order().lane_length(lane);
  return stream_.order().range_at(cursor / lane_length, lane, cursor % lane_length);
}

}  // namespace superpose::data
