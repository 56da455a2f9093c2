// One merge applied to all words, and the changes of pair counts that it causes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tokenizer/bpe_merges.h"

namespace superpose::tokenizer {

// What merging a pair (a, b) into n has done to the pairs on one side of it, for one neighbour x:
// to (x, a) and (x, n), or to (b, x) and (n, x).
struct NeighbourChange {
  std::int64_t lost = 0;             // to take from the pair with a or b
  std::int64_t gained = 0;           // to add to the pair with n
  std::vector<std::uint32_t> words;  // ascending: where the pair with n has appeared
};

// Changes by neighbour: a table with a row for each id, and the rows in use.
class NeighbourChanges {
 public:
  // Makes room for ids below `num_ids`.
  void reserve(std::size_t num_ids) {
    if (rows_.size() < num_ids) rows_.resize(num_ids);
  }
  NeighbourChange& row(std::uint32_t id) {
    NeighbourChange& row = rows_[id];
    if (row.lost == 0 && row.gained == 0) touched_.push_back(id);
    return row;
  }
  // All zero where nothing has changed.
  const NeighbourChange& at(std::uint32_t id) const { return rows_[id]; }
  const std::vector<std::uint32_t>& touched() const { return touched_; }
  // Adds another table's changes, of words behind all of this one's, and clears that.
  void append(NeighbourChanges& later);
  void clear();

 private:
  std::vector<NeighbourChange> rows_;
  std::vector<std::uint32_t> touched_;
};

// Merges one pair in a list of words and notes what that changes.
class PairMerger {
 public:
  void reserve(std::size_t num_ids) {
    left.reserve(num_ids);
    right.reserve(num_ids);
  }

  // Within a word from left to right, without overlap.
  void merge(SymbolWords& words, std::span<const std::uint32_t> where, const LearntMerge& merge);

  NeighbourChanges left;   // of the token in front of the pair
  NeighbourChanges right;  // of the one behind it

 private:
  void merge_word(SymbolWords& words, std::uint32_t word, const LearntMerge& merge);
};

}  // namespace superpose::tokenizer
