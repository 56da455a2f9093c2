// Where row k of a run begins, for any k.
//
// The pattern of slots (slot_pattern.h) gives the source of a row; the number of rows that this
// source has given before is a count in the pattern, O(log kPatternSlots). So a source's order
// depends on nothing but its stream and the number of its rows, and one corpus is a mixture of one
// (docs/adr/0011-mixtures-by-a-pattern-of-slots.md).
//
// A source's rows are dealt to its lanes in order: row k reads lane k mod lanes, so the number of
// rows that a lane has given before row k is a division. Within a range of rows of one shape each
// of them moves its lane's cursor by a L, so the cursor is a multiplication. Only where the shape
// or the slots change are the cursors of all lanes kept; a run has a handful of such ranges, found
// by binary search.
//
// With document_aware documents are padded to whole bags, so that a L positions of a window are a
// varying number of raw tokens. Distances are then counted in padded positions, PaddedLanes leads
// from these to raw cursors, and the padded length of each epoch of a lane is kept to get past
// whole epochs at once. Cost: one pass over the blocks of those epochs per range; O(blocks of a
// lane * log documents) per row.
#include "data/row_order.h"

#include <algorithm>

#include "util/error.h"

namespace superpose::data {
namespace {

constexpr std::int64_t kSampledLanes = 64;

// The slots of one source are all there are. A checkpoint does not name them.
std::vector<std::int64_t> slots_of(const Consumption& consumption, std::size_t num_sources) {
  const std::size_t wanted = num_sources == 1 ? 0 : num_sources;
  util::require(consumption.slots.size() == wanted, "data: a range of rows of ", num_sources,
                " sources must have ", wanted, " slot counts, got ", consumption.slots.size());
  if (wanted > 0) return consumption.slots;
  return {kPatternSlots};
}

}  // namespace

RowOrder::RowOrder(std::vector<std::shared_ptr<const TokenStream>> streams)
    : streams_(std::move(streams)), paddings_(streams_.size()) {
  util::require(!streams_.empty(), "data: a run needs a stream to read");
}

void RowOrder::append(const Consumption& consumption) {
  const auto& [sequence_length, bags] = consumption.shape;
  util::require(
      bags.bag_size >= 1 && bags.target_size >= 1 && sequence_length >= 1 && consumption.rows >= 0,
      "data: a range of rows needs bag, target and sequence sizes >= 1 and rows >= 0, got ",
      bags.bag_size, ", ", bags.target_size, ", ", sequence_length, ", ", consumption.rows);
  const std::vector<std::int64_t> slots = slots_of(consumption, num_sources());
  auto& pattern = patterns_[slots];
  if (!pattern) pattern = std::make_shared<const SlotPattern>(slots);
  Range range;
  range.consumption = consumption;
  range.first_row = num_rows_;
  range.pattern = pattern;
  if (!ranges_.empty() && ranges_.back().pattern == pattern) {
    range.pattern_row = ranges_.back().pattern_row + num_rows_ - ranges_.back().first_row;
  }
  for (std::size_t source = 0; source < num_sources(); ++source) {
    range.parts.push_back(begin_part(range, source));
    if (streams_[source]->document_aware()) walk_padding(range, source);
  }
  ranges_.push_back(std::move(range));
  num_rows_ += consumption.rows;
}

// The cursors of a source at the start of a range, which are those at the end of the last one.
RowOrder::Part RowOrder::begin_part(const Range& range, std::size_t source) const {
  const std::int64_t lanes = streams_[source]->layout().lanes;
  Part part;
  part.cursors.resize(static_cast<std::size_t>(lanes), 0);
  if (ranges_.empty()) return part;
  const Range& last = ranges_.back();
  part.first_row = source_rows_in(last, source, range.first_row);
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    part.cursors[static_cast<std::size_t>(lane)] =
        cursor_before(last, source, lane, part.first_row);
  }
  return part;
}

void RowOrder::walk_padding(Range& range, std::size_t source) {
  auto& padding = paddings_[source][range.consumption.shape.bags.bag_size];
  if (!padding) {
    padding =
        std::make_unique<PaddedLanes>(*streams_[source], range.consumption.shape.bags.bag_size);
  }
  Part& part = range.parts[source];
  part.padding = padding.get();
  const std::int64_t end = source_rows_in(range, source, range.first_row + range.consumption.rows);
  for (std::int64_t lane = 0; lane < streams_[source]->layout().lanes; ++lane) {
    const std::int64_t rows =
        lane_rows_before(source, lane, end) - lane_rows_before(source, lane, part.first_row);
    part.epoch_ends.push_back(
        find_epoch_ends(part, source, lane, rows * range.consumption.shape.advance()));
  }
}

void RowOrder::truncate(std::int64_t num_rows) {
  const std::int64_t first = ranges_.empty() ? 0 : ranges_.back().first_row;
  util::require(num_rows >= first && num_rows <= num_rows_, "data: rows to keep must lie in [",
                first, ", ", num_rows_, "], got ", num_rows);
  if (ranges_.empty()) return;
  ranges_.back().consumption.rows = num_rows - first;
  num_rows_ = num_rows;
  if (num_rows == first) ranges_.pop_back();
}

// Ends of epochs up to the first beyond `distance`.
std::vector<std::int64_t> RowOrder::find_epoch_ends(const Part& part, std::size_t source,
                                                    std::int64_t lane,
                                                    std::int64_t distance) const {
  const std::int64_t lane_length = streams_[source]->order().lane_length(lane);
  std::int64_t cursor = part.cursors[static_cast<std::size_t>(lane)];
  std::vector<std::int64_t> ends;
  do {
    const std::int64_t rest = part.padding->rest_of_epoch(lane, cursor);
    ends.push_back((ends.empty() ? 0 : ends.back()) + rest);
    cursor = (cursor / lane_length + 1) * lane_length;
  } while (ends.back() <= distance);
  return ends;
}

std::int64_t RowOrder::lane_rows_before(std::size_t source, std::int64_t lane,
                                        std::int64_t row) const {
  const std::int64_t lanes = streams_[source]->layout().lanes;
  return (row + lanes - 1 - lane) / lanes;
}

// Where a lane of a source stands before one of its rows, at or after the start of the range and
// not after its end.
std::int64_t RowOrder::cursor_before(const Range& range, std::size_t source, std::int64_t lane,
                                     std::int64_t source_row) const {
  const Part& part = range.parts[source];
  const auto index = static_cast<std::size_t>(lane);
  const std::int64_t rows =
      lane_rows_before(source, lane, source_row) - lane_rows_before(source, lane, part.first_row);
  const std::int64_t distance = rows * range.consumption.shape.advance();
  const std::int64_t start = part.cursors[index];
  if (part.padding == nullptr) return start + distance;

  const auto& ends = part.epoch_ends[index];
  const auto epoch = std::upper_bound(ends.begin(), ends.end(), distance) - ends.begin();
  if (epoch == 0) return part.padding->advance(lane, start, distance);
  const std::int64_t lane_length = streams_[source]->order().lane_length(lane);
  const std::int64_t epoch_start = (start / lane_length + epoch) * lane_length;
  return part.padding->advance(lane, epoch_start,
                               distance - ends[static_cast<std::size_t>(epoch) - 1]);
}

const RowOrder::Range& RowOrder::range_of(std::int64_t row) const {
  return *std::prev(
      std::upper_bound(ranges_.begin(), ranges_.end(), row,
                       [](std::int64_t r, const Range& range) { return r < range.first_row; }));
}

// Rows of a source before `end_row`, which lies in the range or at its end.
std::int64_t RowOrder::source_rows_in(const Range& range, std::size_t source,
                                      std::int64_t end_row) const {
  const auto number = static_cast<std::int64_t>(source);
  const std::int64_t rows = end_row - range.first_row;
  return range.parts[source].first_row + range.pattern->count(number, range.pattern_row + rows) -
         range.pattern->count(number, range.pattern_row);
}

RowOrder::Row RowOrder::row(std::int64_t row) const {
  util::require(row >= 0 && row < num_rows_, "data: row must lie in [0, ", num_rows_, "), got ",
                row);
  const Range& range = range_of(row);
  const auto source =
      static_cast<std::size_t>(range.pattern->source_of(range.pattern_row + row - range.first_row));
  const std::int64_t source_row = source_rows_in(range, source, row);
  const std::int64_t lane = source_row % streams_[source]->layout().lanes;
  return {source, range.consumption.shape, lane, cursor_before(range, source, lane, source_row)};
}

std::int64_t RowOrder::source_rows(std::size_t source, std::int64_t end_row) const {
  if (end_row == 0) return 0;
  return source_rows_in(range_of(end_row - 1), source, end_row);
}

double RowOrder::epoch_before(std::size_t source, std::int64_t end_row) const {
  if (end_row == 0) return 0;
  const TokenStream& stream = *streams_[source];
  const Range& range = range_of(end_row - 1);
  const std::int64_t end = source_rows_in(range, source, end_row);
  if (!stream.document_aware()) {
    std::int64_t tokens = (end - range.parts[source].first_row) * range.consumption.shape.advance();
    for (const Range* r = ranges_.data(); r < &range; ++r) {
      tokens += ((r + 1)->parts[source].first_row - r->parts[source].first_row) *
                r->consumption.shape.advance();
    }
    return static_cast<double>(tokens) / static_cast<double>(stream.num_tokens());
  }
  const std::int64_t lanes = stream.layout().lanes;
  const std::int64_t sampled = std::min(lanes, kSampledLanes);
  double total = 0;
  for (std::int64_t i = 0; i < sampled; ++i) {
    const std::int64_t lane = i * lanes / sampled;
    total += static_cast<double>(cursor_before(range, source, lane, end)) /
             static_cast<double>(stream.order().lane_length(lane));
  }
  return total / static_cast<double>(sampled);
}

double RowOrder::epoch_before(std::int64_t end_row) const {
  if (num_sources() == 1) return epoch_before(0, end_row);
  double read = 0;
  double tokens = 0;
  for (std::size_t source = 0; source < num_sources(); ++source) {
    const auto size = static_cast<double>(stream(source).num_tokens());
    read += size * epoch_before(source, end_row);
    tokens += size;
  }
  return read / tokens;
}

std::vector<Consumption> RowOrder::consumption_before(std::int64_t end_row) const {
  std::vector<Consumption> history;
  for (const Range& range : ranges_) {
    if (range.first_row >= end_row) break;
    Consumption part = range.consumption;
    part.rows = std::min(part.rows, end_row - range.first_row);
    append_consumption(history, part);
  }
  return history;
}

}  // namespace superpose::data
