// From a window of raw ids to bags and their targets: the alignment rule of the method.
#pragma once

#include <cstdint>
#include <span>

namespace superpose::superposition {

inline constexpr std::int32_t kPadding = -1;          // in raw ids and in inputs: not a token
inline constexpr std::int64_t kIgnoredTarget = -100;  // in targets: no loss here

// Tokens that a position reads and predicts. Both are 1 in next-token prediction.
struct BagShape {
  std::int64_t bag_size = 1;     // a
  std::int64_t target_size = 1;  // b

  bool is_ntp() const { return bag_size == 1 && target_size == 1; }
  bool operator==(const BagShape&) const = default;
};

// One row: L bags of a tokens, b targets each.
struct WindowShape {
  std::int64_t sequence_length = 1;  // L
  BagShape bags = {};

  // Raw positions from one row of a lane to the next.
  std::int64_t advance() const { return sequence_length * bags.bag_size; }
  // Raw ids that a row looks at.
  std::int64_t length() const { return advance() + bags.target_size; }
  bool operator==(const WindowShape&) const = default;
};

// Cuts one raw window into bags and their targets; the whole alignment rule lives here
// (docs/architecture.md; arXiv 2605.06546, appendix A, without the partial tail):
//
//   raw        [a * L + b]  token ids; kPadding = no token
//   documents  [a * L + b]  number of the document of each raw position; empty: documents do not
//                           matter
//   inputs     [L, a]       bag j holds raw positions [j * a, (j + 1) * a); padding stays kPadding
//   targets    [L, b]       those of bag j are raw positions [(j + 1) * a, (j + 1) * a + b)
//
// A target is kIgnoredTarget where it is padding and, with `documents`, where it lies in another
// document than the last token of its bag. Where a document comes once and its end is padded
// to whole bags, a bag that has a valid target thus has one in slot 0. Throws util::Error where a
// size does not fit the shape or a bag holds padding alone.
void cut_window(const WindowShape& shape, std::span<const std::int32_t> raw,
                std::span<const std::int32_t> documents, std::span<std::int64_t> inputs,
                std::span<std::int64_t> targets);

}  // namespace superpose::superposition
