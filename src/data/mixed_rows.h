// The order of rows over one corpus or a mixture of several.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "data/row_plan.h"
#include "data/slot_pattern.h"
#include "data/token_stream.h"

namespace superpose::data {

// Where each row of a list of ranges begins (Consumption), over one stream or several. Rows are
// numbered from 0 over all of them. The pattern of the range's slots says which source a row reads;
// the source's own rows, numbered from 0 too, then go through its RowPlan. While neighbouring
// ranges have the same slots the pattern continues, so that a change of bag size leaves no trace in
// the shares.
//
// One stream alone has no slots, and its rows are those of its RowPlan.
class MixedRows {
 public:
  struct Row {
    std::size_t source = 0;
    RowPlan::Row place;
  };

  explicit MixedRows(const std::vector<std::shared_ptr<const TokenStream>>& streams);

  // Adds rows behind the last one. Throws util::Error where slots are not those of this number of
  // sources.
  void append(const Consumption& stretch);

  // Drops the rows from `num_rows` on; no more than the last range that was appended.
  void truncate(std::int64_t num_rows);

  std::size_t num_sources() const { return plans_.size(); }
  std::int64_t num_rows() const { return num_rows_; }
  const TokenStream& stream(std::size_t source) const { return plans_[source].stream(); }

  // 0 <= row < num_rows(); O(log) of ranges and pattern.
  Row row(std::int64_t row) const;

  // Rows of a source among the first `end_row`.
  std::int64_t source_rows(std::size_t source, std::int64_t end_row) const;

  // Epochs of a source that rows [0, end_row) read; see RowPlan::epoch_before.
  double epoch_before(std::size_t source, std::int64_t end_row) const;

  // Epochs of all sources together: their mean, weighted with their tokens.
  double epoch_before(std::int64_t end_row) const;

  // What rows [0, end_row) read, as a checkpoint keeps it.
  std::vector<Consumption> consumption_before(std::int64_t end_row) const;

 private:
  struct Stretch {
    Consumption consumption;
    std::int64_t first_row = 0;
    std::shared_ptr<const SlotPattern> pattern;  // null for one source
    std::int64_t place = 0;                      // of the first row in the pattern's rows
    std::vector<std::int64_t> first_rows;        // [source]: its rows before this range
  };
  const Stretch& stretch_of(std::int64_t row) const;
  std::int64_t source_rows_in(const Stretch& stretch, std::size_t source,
                              std::int64_t end_row) const;

  std::vector<RowPlan> plans_;  // [source]
  std::map<std::vector<std::int64_t>, std::shared_ptr<const SlotPattern>> patterns_;
  std::vector<Stretch> stretches_;
  std::int64_t num_rows_ = 0;
};

}  // namespace superpose::data
