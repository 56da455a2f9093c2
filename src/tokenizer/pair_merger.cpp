#include "tokenizer/pair_merger.h"

#include <algorithm>

namespace superpose::tokenizer {
namespace {

void add_gain(NeighbourChange& change, std::int64_t count, std::uint32_t word) {
  change.gained += count;
  if (change.words.empty() || change.words.back() != word) change.words.push_back(word);
}

}  // namespace

void NeighbourChanges::append(NeighbourChanges& later) {
  for (const std::uint32_t id : later.touched_) {
    const NeighbourChange& from = later.rows_[id];
    NeighbourChange& to = row(id);
    to.lost += from.lost;
    to.gained += from.gained;
    to.words.insert(to.words.end(), from.words.begin(), from.words.end());
  }
  later.clear();
}

void NeighbourChanges::clear() {
  for (const std::uint32_t id : touched_) {
    rows_[id].lost = rows_[id].gained = 0;
    rows_[id].words.clear();
  }
  touched_.clear();
}

void PairMerger::merge(SymbolWords& words, std::span<const std::uint32_t> where,
                       const LearntMerge& merge) {
  for (const std::uint32_t word : where) merge_word(words, word, merge);
}

void PairMerger::merge_word(SymbolWords& words, std::uint32_t word, const LearntMerge& merge) {
  const std::uint32_t first = first_of(merge.pair), second = second_of(merge.pair);
  std::uint32_t* const symbols = words.symbols.data() + words.begins[word];
  const std::size_t length = words.lengths[word];
  const std::int64_t count = words.counts[word];
  std::size_t written = 0;
  for (std::size_t read = 0; read < length; ++read) {
    if (symbols[read] != first || read + 1 == length || symbols[read + 1] != second) {
      symbols[written++] = symbols[read];
      continue;
    }
    // The token in front has been merged already, the one behind not yet: a pair that counts here
    // and is gone with the next merge is taken back then.
    if (written > 0) {
      NeighbourChange& change = left.row(symbols[written - 1]);
      change.lost += count;
      add_gain(change, count, word);
    }
    ++read;
    if (read + 1 < length) {
      NeighbourChange& change = right.row(symbols[read + 1]);
      change.lost += count;
      add_gain(change, count, word);
    }
    symbols[written++] = merge.token;
  }
  words.lengths[word] = static_cast<std::uint32_t>(written);
}

}  // namespace superpose::tokenizer
