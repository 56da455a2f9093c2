// Applying the merges of a byte-level vocabulary to a word.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/description.h"

namespace superpose::tokenizer {

// The merges of a byte-level vocabulary. Immutable.
class Bpe {
 public:
  // Room for the longest word so far; one per thread.
  struct Scratch {
    struct Symbol {
      std::int32_t id;        // -1 once it has gone into its left neighbour
      std::int32_t previous;  // index of the neighbour that is left, -1 at the edge
      std::int32_t next;      // ... that is right, the number of symbols at the edge
    };
    std::vector<Symbol> symbols;
    // Pairs that may merge: rank of the merge, then index of the left symbol; smallest first.
    std::vector<std::uint64_t> heap;
  };

  explicit Bpe(const Description& description);

  // Appends the ids of one pre-token, given as its bytes. A byte that the vocabulary lacks is left
  // out. A long one takes n log n time and at most 28 bytes of scratch per byte. Throws util::Error
  // for 2^31 bytes and more, unless there are no merges.
  void encode(std::string_view word, Scratch& scratch, std::vector<std::int32_t>& ids) const;

 private:
  static constexpr std::int32_t kNone = -1;

  // A merge in an open-addressed table.
  struct Slot {
    std::uint64_t pair = kEmpty;
    std::uint32_t rank = 0;
    std::int32_t merged = 0;
  };
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};

  static std::uint64_t pair_of(std::int32_t left, std::int32_t right) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
           static_cast<std::uint32_t>(right);
  }
  std::size_t place_of(std::uint64_t pair) const {
    // Fibonacci hashing: the upper bits of the product are the well mixed ones.
    return static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15) >> shift_);
  }
  // The merge of a pair, or null.
  const Slot* find(std::int32_t left, std::int32_t right) const;

  // Both append what is left of the symbols once all merges are applied: by looking through all
  // pairs each time, and by a heap of pairs (n log n).
  void merge_short(std::span<std::int32_t> symbols, std::vector<std::int32_t>& ids) const;
  void merge_long(Scratch& scratch, std::vector<std::int32_t>& ids) const;
  // Puts the pair of a symbol and its right neighbour at the end of the heap's storage, if it can
  // merge.
  bool add_candidate(Scratch& scratch, std::int32_t place) const;

  std::array<std::int32_t, 256> byte_ids_;
  bool has_merges_ = false;
  std::vector<Slot> slots_;
  int shift_ = 0;
};

}  // namespace superpose::tokenizer
