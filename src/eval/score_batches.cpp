#include "eval/score_batches.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "eval/shared_prefixes.h"

namespace superpose::eval {
namespace {

using tasks::ScoreRequest;

// Enough to fill the cores, little memory.
constexpr std::int64_t kBatchPositions = 4096;

// A prefix shorter than that is read with each row: reading it alone takes another pass over the
// weights.
constexpr std::int64_t kLeastShared = 16;

std::int64_t read_length(const ScoreRequest& request) {
  return std::ssize(request.context) + std::ssize(request.continuation) - 1;
}

// Ids that two requests' rows begin with. The last of a context is not among them: what follows it
// is scored, and so it must be read with the row.
std::int64_t shared_length(const ScoreRequest& a, const ScoreRequest& b) {
  const std::int64_t most = std::min(std::ssize(a.context), std::ssize(b.context)) - 1;
  const auto end = a.context.begin() + most;
  return std::mismatch(a.context.begin(), end, b.context.begin()).first - a.context.begin();
}

bool reads_before(const ScoreRequest& a, const ScoreRequest& b) {
  const std::int64_t left = read_length(a), right = read_length(b);
  for (std::int64_t i = 0; i < std::min(left, right); ++i) {
    if (id_at(a, i) != id_at(b, i)) return id_at(a, i) < id_at(b, i);
  }
  return left < right;
}

// By their ids; requests that read the same share a row.
std::vector<ScoreRow> make_rows(std::span<const ScoreRequest> requests) {
  std::vector<std::size_t> order(requests.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return reads_before(requests[a], requests[b]);
  });
  std::vector<ScoreRow> rows;
  for (const std::size_t index : order) {
    const bool is_new =
        rows.empty() || reads_before(requests[rows.back().requests.front()], requests[index]);
    if (is_new) rows.push_back({.requests = {}, .length = read_length(requests[index])});
    rows.back().requests.push_back(index);
  }
  return rows;
}

std::vector<RowGroup> make_groups(std::span<const ScoreRequest> requests, bool shares_prefixes) {
  std::vector<ScoreRow> rows = make_rows(requests);
  std::vector<std::int64_t> common;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    std::int64_t least = shares_prefixes ? read_length(requests[rows[i].requests.front()]) : 0;
    for (const std::size_t a : rows[i - 1].requests) {
      for (const std::size_t b : rows[i].requests) {
        least = std::min(least, shares_prefixes ? shared_length(requests[a], requests[b]) : 0);
      }
    }
    common.push_back(least);
  }
  std::vector<RowGroup> groups;
  for (const PrefixGroup& found : group_by_prefix(rows.size(), common, kLeastShared)) {
    RowGroup& group = groups.emplace_back(RowGroup{.rows = {}, .prefix = found.prefix});
    for (std::size_t i = 0; i < found.count; ++i) {
      group.rows.push_back(std::move(rows[found.first + i]));
    }
    std::stable_sort(group.rows.begin(), group.rows.end(),
                     [](const ScoreRow& a, const ScoreRow& b) { return a.length > b.length; });
  }
  // Those with as many rows and about one length are neighbours.
  std::stable_sort(groups.begin(), groups.end(), [](const RowGroup& a, const RowGroup& b) {
    return std::pair(a.rows.size(), a.rows.front().length) >
           std::pair(b.rows.size(), b.rows.front().length);
  });
  return groups;
}

}  // namespace

std::int32_t id_at(const ScoreRequest& request, std::int64_t index) {
  const std::int64_t inside = index - std::ssize(request.context);
  return inside < 0 ? request.context[static_cast<std::size_t>(index)]
                    : request.continuation[static_cast<std::size_t>(inside)];
}

std::int64_t ScoreBatch::groups_with(std::int64_t turn) const {
  return std::count_if(groups.begin(), groups.end(),
                       [turn](const RowGroup& group) { return std::ssize(group.rows) > turn; });
}

std::int64_t ScoreBatch::length_of(std::int64_t turn) const {
  std::int64_t most = 0;
  for (std::int64_t i = 0; i < groups_with(turn); ++i) {
    const RowGroup& group = groups[static_cast<std::size_t>(i)];
    most = std::max(most, group.rows[static_cast<std::size_t>(turn)].length - group.prefix);
  }
  return most;
}

std::int64_t ScoreBatch::positions() const {
  std::int64_t sum = std::ssize(groups) * prefix;
  for (std::int64_t turn = 0; turn < most_rows(); ++turn) {
    sum += groups_with(turn) * length_of(turn);
  }
  return sum;
}

std::vector<ScoreBatch> make_batches(std::span<const ScoreRequest> requests,
                                     std::int64_t max_positions, bool shares_prefixes) {
  std::vector<ScoreBatch> batches;
  for (RowGroup& group : make_groups(requests, shares_prefixes)) {
    const bool shares = group.prefix > 0;
    const std::int64_t behind = group.rows.front().length - group.prefix;
    if (!batches.empty()) {
      const ScoreBatch& last = batches.back();
      const std::int64_t prefix = std::max(last.prefix, group.prefix);
      const std::int64_t length = std::max(last.length, behind);
      const bool fits = last.shares == shares && prefix + length <= max_positions &&
                        (std::ssize(last.groups) + 1) * (prefix + length) <= kBatchPositions;
      if (!fits) batches.emplace_back();
    } else {
      batches.emplace_back();
    }
    ScoreBatch& batch = batches.back();
    batch.shares = shares;
    batch.prefix = std::max(batch.prefix, group.prefix);
    batch.length = std::max(batch.length, behind);
    batch.groups.push_back(std::move(group));
  }
  return batches;
}

}  // namespace superpose::eval
