// Where row k of a run begins, for any k.
//
// Rows are dealt to the lanes in order: row k reads lane k mod lanes, so the number of rows that a
// lane has given before row k is a division. Within a range of rows of one shape each of them moves
// its lane's cursor by a L, so the cursor is a multiplication. Only where the shape changes are the
// cursors of all lanes kept; a run has a handful of such ranges, found by binary search.
//
// With document_aware documents are padded to whole bags, so that a L positions of a window are a
// varying number of raw tokens. Distances are then counted in padded positions, PaddedLanes leads
// from these to raw cursors, and the padded length of each epoch of a lane is kept to get past
// whole epochs at once. Cost: one pass over the blocks of those epochs per range; O(blocks of a
// lane * log documents) per row.
#include "data/row_plan.h"

#include <algorithm>

#include "util/error.h"

namespace superpose::data {
namespace {

constexpr std::int64_t kSampledLanes = 64;

}  // namespace

RowPlan::RowPlan(std::shared_ptr<const TokenStream> stream,
                 const std::vector<Consumption>& stretches)
    : stream_(std::move(stream)) {
  for (const Consumption& stretch : stretches) append(stretch);
}

void RowPlan::append(const Consumption& consumption) {
  util::require(
      consumption.bag_size >= 1 && consumption.target_size >= 1 &&
          consumption.sequence_length >= 1 && consumption.rows >= 0,
      "data: a range of rows needs bag, target and sequence sizes >= 1 and rows >= 0, got ",
      consumption.bag_size, ", ", consumption.target_size, ", ", consumption.sequence_length, ", ",
      consumption.rows);
  const std::int64_t lanes = stream_->layout().lanes;
  Stretch stretch;
  stretch.shape = {consumption.sequence_length, consumption.bag_size, consumption.target_size};
  stretch.first_row = num_rows_;
  stretch.cursors.resize(static_cast<std::size_t>(lanes), 0);
  for (std::int64_t lane = 0; lane < lanes && !stretches_.empty(); ++lane) {
    stretch.cursors[static_cast<std::size_t>(lane)] =
        cursor_before(stretches_.back(), lane, num_rows_);
  }
  const std::int64_t end_row = num_rows_ + consumption.rows;
  if (stream_->document_aware()) {
    auto& padding = paddings_[consumption.bag_size];
    if (!padding) padding = std::make_unique<PaddedLanes>(*stream_, consumption.bag_size);
    stretch.padding = padding.get();
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const std::int64_t rows =
          lane_rows_before(lane, end_row) - lane_rows_before(lane, stretch.first_row);
      stretch.epoch_ends.push_back(find_epoch_ends(stretch, lane, rows * stretch.shape.advance()));
    }
  }
  stretches_.push_back(std::move(stretch));
  num_rows_ = end_row;
}

void RowPlan::truncate(std::int64_t num_rows) {
  const std::int64_t first = stretches_.empty() ? 0 : stretches_.back().first_row;
  util::require(num_rows >= first && num_rows <= num_rows_, "data: rows to keep must lie in [",
                first, ", ", num_rows_, "], got ", num_rows);
  num_rows_ = num_rows;
  if (!stretches_.empty() && num_rows == first) stretches_.pop_back();
}

// Ends of epochs up to the first beyond `distance`.
std::vector<std::int64_t> RowPlan::find_epoch_ends(const Stretch& stretch, std::int64_t lane,
                                                   std::int64_t distance) const {
  const std::int64_t lane_length = stream_->order().lane_length(lane);
  std::int64_t cursor = stretch.cursors[static_cast<std::size_t>(lane)];
  std::vector<std::int64_t> ends;
  do {
    const std::int64_t rest = stretch.padding->rest_of_epoch(lane, cursor);
    ends.push_back((ends.empty() ? 0 : ends.back()) + rest);
    cursor = (cursor / lane_length + 1) * lane_length;
  } while (ends.back() <= distance);
  return ends;
}

std::int64_t RowPlan::lane_rows_before(std::int64_t lane, std::int64_t row) const {
  const std::int64_t lanes = stream_->layout().lanes;
  return (row + lanes - 1 - lane) / lanes;
}

// Where a lane stands before a row at or after the start of the range and not after its end.
std::int64_t RowPlan::cursor_before(const Stretch& stretch, std::int64_t lane,
                                    std::int64_t row) const {
  const auto index = static_cast<std::size_t>(lane);
  const std::int64_t rows = lane_rows_before(lane, row) - lane_rows_before(lane, stretch.first_row);
  const std::int64_t distance = rows * stretch.shape.advance();
  const std::int64_t start = stretch.cursors[index];
  if (stretch.padding == nullptr) return start + distance;

  const auto& ends = stretch.epoch_ends[index];
  const auto epoch = std::upper_bound(ends.begin(), ends.end(), distance) - ends.begin();
  if (epoch == 0) return stretch.padding->advance(lane, start, distance);
  const std::int64_t lane_length = stream_->order().lane_length(lane);
  const std::int64_t epoch_start = (start / lane_length + epoch) * lane_length;
  return stretch.padding->advance(lane, epoch_start,
                                  distance - ends[static_cast<std::size_t>(epoch) - 1]);
}

const RowPlan::Stretch& RowPlan::stretch_of(std::int64_t row) const {
  return *std::prev(
      std::upper_bound(stretches_.begin(), stretches_.end(), row,
                       [](std::int64_t r, const Stretch& s) { return r < s.first_row; }));
}

RowPlan::Row RowPlan::row(std::int64_t row) const {
  util::require(row >= 0 && row < num_rows_, "data: row must lie in [0, ", num_rows_, "), got ",
                row);
  const Stretch& stretch = stretch_of(row);
  const std::int64_t lane = row % stream_->layout().lanes;
  return {stretch.shape, lane, cursor_before(stretch, lane, row)};
}

double RowPlan::epoch_before(std::int64_t end_row) const {
  if (end_row == 0) return 0;
  const Stretch& stretch = stretch_of(end_row - 1);
  const std::int64_t lanes = stream_->layout().lanes;
  if (!stream_->document_aware()) {
    std::int64_t tokens = 0;
    for (const Stretch* s = stretches_.data(); s <= &stretch; ++s) {
      const std::int64_t end = s == &stretch ? end_row : (s + 1)->first_row;
      tokens += (end - s->first_row) * s->shape.advance();
    }
    return static_cast<double>(tokens) / static_cast<double>(stream_->num_tokens());
  }
  const std::int64_t sampled = std::min(lanes, kSampledLanes);
  double total = 0;
  for (std::int64_t i = 0; i < sampled; ++i) {
    const std::int64_t lane = i * lanes / sampled;
    total += static_cast<double>(cursor_before(stretch, lane, end_row)) /
             static_cast<double>(stream_->order().lane_length(lane));
  }
  return total / static_cast<double>(sampled);
}

}  // namespace superpose::data
