// The order of rows over one corpus.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "data/padded_lanes.h"
#include "data/token_stream.h"
#include "superposition/windows.h"

namespace superpose::data {

// Where each row of a list of ranges begins (Consumption). Rows are numbered from 0 over all of
// them; row k reads lane k mod lanes.
class RowPlan {
 public:
  struct Row {
    superposition::WindowShape shape;
    std::int64_t lane = 0;
    std::int64_t cursor = 0;
  };

  // Walks the lanes' borders once: without document_aware nothing, else the padded length of each
  // lane in each epoch that the ranges reach.
  explicit RowPlan(std::shared_ptr<const TokenStream> stream,
                   const std::vector<Consumption>& stretches = {});

  // Adds rows behind the last one, of one shape.
  void append(const Consumption& stretch);

  // Drops the rows from `num_rows` on; no more than the last range that was appended.
  void truncate(std::int64_t num_rows);

  const TokenStream& stream() const { return *stream_; }
  std::int64_t num_rows() const { return num_rows_; }

  // 0 <= row < num_rows().
  Row row(std::int64_t row) const;

  // Epochs read by rows [0, end_row); see BatchSource::epoch_before.
  double epoch_before(std::int64_t end_row) const;

 private:
  struct Stretch {
    superposition::WindowShape shape;
    std::int64_t first_row = 0;
    std::vector<std::int64_t> cursors;  // of each lane at the start
    const PaddedLanes* padding = nullptr;
    // [lane]: padded distances from the start to the end of each epoch; only with padding.
    std::vector<std::vector<std::int64_t>> epoch_ends;
  };
  const Stretch& stretch_of(std::int64_t row) const;
  std::int64_t lane_rows_before(std::int64_t lane, std::int64_t row) const;
  std::int64_t cursor_before(const Stretch& stretch, std::int64_t lane, std::int64_t row) const;
  std::vector<std::int64_t> find_epoch_ends(const Stretch& stretch, std::int64_t lane,
                                            std::int64_t distance) const;

  std::shared_ptr<const TokenStream> stream_;
  std::map<std::int64_t, std::unique_ptr<PaddedLanes>> paddings_;  // by bag size
  std::vector<Stretch> stretches_;
  std::int64_t num_rows_ = 0;
};

}  // namespace superpose::data
