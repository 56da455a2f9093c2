// Which texts of a list are worth reading together, because they begin with the same tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace superpose::eval {

// Texts that begin with the same `prefix` tokens. A text by itself has a prefix of 0.
struct PrefixGroup {
  std::size_t first = 0;  // of the texts, in the order given
  std::size_t count = 0;
  std::int64_t prefix = 0;

  bool operator==(const PrefixGroup&) const = default;
};

// Cuts n texts into groups of neighbours so that the positions saved, (count - 1) * prefix summed
// over groups, are as many as there can be where a text is in one group and groups are whole
// branches of the tree of prefixes.
//
//   common   [n - 1]  tokens that texts i and i + 1 share; texts are sorted by their tokens
//   least             a prefix shorter than that is not shared
std::vector<PrefixGroup> group_by_prefix(std::size_t num_texts,
                                         std::span<const std::int64_t> common, std::int64_t least);

}  // namespace superpose::eval
