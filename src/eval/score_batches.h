// What a decoder reads for a list of requests, in batches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tasks/score_requests.h"

namespace superpose::eval {

// A row is what the decoder reads for one request, or for several that read the same: all ids but
// the last.
struct ScoreRow {
  std::vector<std::size_t> requests;
  std::int64_t length = 0;
};

// Rows that begin with the same `prefix` ids, which are read once; the longest row first.
struct RowGroup {
  std::vector<ScoreRow> rows;
  std::int64_t prefix = 0;  // 0: a row by itself
};

// Groups that go through the decoder together, each padded behind: first all prefixes, then the
// first row of each group from there on, then the second one, and so on. Groups with more rows come
// first.
struct ScoreBatch {
  std::vector<RowGroup> groups;
  bool shares = false;      // whether there are prefixes
  std::int64_t prefix = 0;  // the longest one
  std::int64_t length = 0;  // the longest row from its prefix on

  std::int64_t most_rows() const { return std::ssize(groups.front().rows); }
  // Groups with a row `turn`: the first ones.
  std::int64_t groups_with(std::int64_t turn) const;
  // Positions of the rows `turn`, from their prefixes on, that are computed of each group.
  std::int64_t length_of(std::int64_t turn) const;
  // All that are computed, with padding.
  std::int64_t positions() const;
};

// Id `index` of what is read for a request, counted from the context's first one.
std::int32_t id_at(const tasks::ScoreRequest& request, std::int64_t index);

// A function of the requests alone. `shares_prefixes`: whether what rows begin with is read once.
std::vector<ScoreBatch> make_batches(std::span<const tasks::ScoreRequest> requests,
                                     std::int64_t max_positions, bool shares_prefixes);

}  // namespace superpose::eval
