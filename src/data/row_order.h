// Where every row of a run begins: which corpus it reads, in which lane, and at which cursor.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "data/padded_lanes.h"
#include "data/slot_pattern.h"
#include "data/token_stream.h"
#include "superposition/windows.h"

namespace superpose::data {

// The rows of a list of ranges (Consumption) over one stream or several. Rows are numbered from 0
// over all of them. The pattern of a range's slots says which source a row reads; a source's own
// rows are numbered from 0, too, and row k of a source reads its lane k mod lanes. While
// neighbouring ranges have the same slots the pattern continues, so that a change of bag size
// leaves no trace in the shares.
class RowOrder {
 public:
  struct Row {
    std::size_t source = 0;
    superposition::WindowShape shape;
    std::int64_t lane = 0;
    std::int64_t cursor = 0;
  };

  // Throws util::Error without a stream.
  explicit RowOrder(std::vector<std::shared_ptr<const TokenStream>> streams);

  // Adds rows behind the last one. With document_aware it walks the lanes' borders once: the padded
  // length of each lane in each epoch that the rows reach. Throws util::Error where slots are not
  // those of this number of sources.
  void append(const Consumption& consumption);

  // Drops the rows from `num_rows` on; no more than the last range that was appended.
  void truncate(std::int64_t num_rows);

  std::size_t num_sources() const { return streams_.size(); }
  std::int64_t num_rows() const { return num_rows_; }
  const TokenStream& stream(std::size_t source) const { return *streams_[source]; }

  // 0 <= row < num_rows(); O(log) of ranges and pattern.
  Row row(std::int64_t row) const;

  // Rows of a source among the first `end_row`.
  std::int64_t source_rows(std::size_t source, std::int64_t end_row) const;

  // Epochs of a source that rows [0, end_row) read; see BatchSource::epoch_before.
  double epoch_before(std::size_t source, std::int64_t end_row) const;

  // Epochs of all sources together: their mean, weighted with their tokens.
  double epoch_before(std::int64_t end_row) const;

  // What rows [0, end_row) read, as a checkpoint keeps it.
  std::vector<Consumption> consumption_before(std::int64_t end_row) const;

 private:
  // What a range reads of one source.
  struct Part {
    std::int64_t first_row = 0;         // among the source's own
    std::vector<std::int64_t> cursors;  // of each lane at the start
    const PaddedLanes* padding = nullptr;
    // [lane]: padded distances from the start to the end of each epoch; only with padding.
    std::vector<std::vector<std::int64_t>> epoch_ends;
  };
  struct Range {
    Consumption consumption;
    std::int64_t first_row = 0;
    std::shared_ptr<const SlotPattern> pattern;
    std::int64_t pattern_row = 0;  // of the first row, among the pattern's
    std::vector<Part> parts;       // [source]
  };
  const Range& range_of(std::int64_t row) const;
  std::int64_t source_rows_in(const Range& range, std::size_t source, std::int64_t end_row) const;
  Part begin_part(const Range& range, std::size_t source) const;
  void walk_padding(Range& range, std::size_t source);
  std::int64_t lane_rows_before(std::size_t source, std::int64_t lane, std::int64_t row) const;
  std::int64_t cursor_before(const Range& range, std::size_t source, std::int64_t lane,
                             std::int64_t source_row) const;
  std::vector<std::int64_t> find_epoch_ends(const Part& part, std::size_t source, std::int64_t lane,
                                            std::int64_t distance) const;

  std::vector<std::shared_ptr<const TokenStream>> streams_;  // [source]
  std::map<std::vector<std::int64_t>, std::shared_ptr<const SlotPattern>> patterns_;
  // [source]: by bag size.
  std::vector<std::map<std::int64_t, std::unique_ptr<PaddedLanes>>> paddings_;
  std::vector<Range> ranges_;
  std::int64_t num_rows_ = 0;
};

}  // namespace superpose::data
