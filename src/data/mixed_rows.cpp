// Which source a row reads, and where in it, for any row of a mixture.
//
// The pattern of slots (slot_pattern.h) gives the source of a row; the number of rows that this
// source has given before is a count in the pattern, O(log kPatternSlots). That number goes through
// the source's own RowPlan, as if it were read alone. So a source's order depends on nothing but
// its stream and the number of its rows, and a single corpus, which has no pattern, reads what it
// always read (docs/adr/0011-mixtures-by-a-pattern-of-slots.md).
#include "data/mixed_rows.h"

#include <algorithm>

#include "util/error.h"

namespace superpose::data {

MixedRows::MixedRows(const std::vector<std::shared_ptr<const TokenStream>>& streams) {
  util::require(!streams.empty(), "data: a run needs a stream to read");
  for (const auto& stream : streams) plans_.emplace_back(stream);
}

void MixedRows::append(const Consumption& consumption) {
  const std::size_t wanted = num_sources() == 1 ? 0 : num_sources();
  util::require(consumption.slots.size() == wanted, "data: a range of rows of ", num_sources(),
                " sources must have ", wanted, " slot counts, got ", consumption.slots.size());
  Stretch stretch;
  stretch.consumption = consumption;
  stretch.first_row = num_rows_;
  if (wanted > 0) {
    auto& pattern = patterns_[consumption.slots];
    if (!pattern) pattern = std::make_shared<const SlotPattern>(consumption.slots);
    stretch.pattern = pattern;
    if (!stretches_.empty() && stretches_.back().pattern == pattern) {
      stretch.place = stretches_.back().place + num_rows_ - stretches_.back().first_row;
    }
  }
  for (const RowPlan& plan : plans_) stretch.first_rows.push_back(plan.num_rows());
  num_rows_ += consumption.rows;
  for (std::size_t source = 0; source < num_sources(); ++source) {
    Consumption part = consumption;
    part.rows = source_rows_in(stretch, source, num_rows_) - stretch.first_rows[source];
    plans_[source].append(part);
  }
  stretches_.push_back(std::move(stretch));
}

void MixedRows::truncate(std::int64_t num_rows) {
  const std::int64_t first = stretches_.empty() ? 0 : stretches_.back().first_row;
  util::require(num_rows >= first && num_rows <= num_rows_, "data: rows to keep must lie in [",
                first, ", ", num_rows_, "], got ", num_rows);
  if (stretches_.empty()) return;
  Stretch& last = stretches_.back();
  for (std::size_t source = 0; source < num_sources(); ++source) {
    plans_[source].truncate(source_rows_in(last, source, num_rows));
  }
  last.consumption.rows = num_rows - first;
  num_rows_ = num_rows;
  if (num_rows == first) stretches_.pop_back();
}

const MixedRows::Stretch& MixedRows::stretch_of(std::int64_t row) const {
  return *std::prev(
      std::upper_bound(stretches_.begin(), stretches_.end(), row,
                       [](std::int64_t r, const Stretch& s) { return r < s.first_row; }));
}

// Rows of a source before `end_row`, which lies in the range or at its end.
std::int64_t MixedRows::source_rows_in(const Stretch& stretch, std::size_t source,
                                       std::int64_t end_row) const {
  const std::int64_t rows = end_row - stretch.first_row;
  if (stretch.pattern == nullptr) return stretch.first_rows[source] + rows;
  const auto number = static_cast<std::int64_t>(source);
  return stretch.first_rows[source] + stretch.pattern->count(number, stretch.place + rows) -
         stretch.pattern->count(number, stretch.place);
}

MixedRows::Row MixedRows::row(std::int64_t row) const {
  util::require(row >= 0 && row < num_rows_, "data: row must lie in [0, ", num_rows_, "), got ",
                row);
  const Stretch& stretch = stretch_of(row);
  std::size_t source = 0;
  if (stretch.pattern != nullptr) {
    source = static_cast<std::size_t>(
        stretch.pattern->source_of(stretch.place + row - stretch.first_row));
  }
  return {source, plans_[source].row(source_rows_in(stretch, source, row))};
}

std::int64_t MixedRows::source_rows(std::size_t source, std::int64_t end_row) const {
  if (end_row == 0) return 0;
  return source_rows_in(stretch_of(end_row - 1), source, end_row);
}

double MixedRows::epoch_before(std::size_t source, std::int64_t end_row) const {
  return plans_[source].epoch_before(source_rows(source, end_row));
}

double MixedRows::epoch_before(std::int64_t end_row) const {
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

std::vector<Consumption> MixedRows::consumption_before(std::int64_t end_row) const {
  std::vector<Consumption> history;
  for (const Stretch& stretch : stretches_) {
    if (stretch.first_row >= end_row) break;
    Consumption part = stretch.consumption;
    part.rows = std::min(part.rows, end_row - stretch.first_row);
    append_consumption(history, part);
  }
  return history;
}

}  // namespace superpose::data
