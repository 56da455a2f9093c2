// Pairs of token ids, and a hash table of their counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace superpose::tokenizer {

// Two neighbouring tokens as one number; pairs order by the first id, then the second.
using TokenPair = std::uint64_t;

constexpr TokenPair make_pair_of(std::uint32_t first, std::uint32_t second) {
  return std::uint64_t{first} << 32 | second;
}
constexpr std::uint32_t first_of(TokenPair pair) { return static_cast<std::uint32_t>(pair >> 32); }
constexpr std::uint32_t second_of(TokenPair pair) { return static_cast<std::uint32_t>(pair); }

// A count for each pair, in an open-addressing table: 16 bytes per slot. Pairs are never removed.
class PairCounts {
 public:
  // The count, 0 at first; valid until the next call of operator[].
  std::int64_t& operator[](TokenPair pair);

  std::size_t size() const { return size_; }

 private:
  // No pair: ids end far below.
  static constexpr TokenPair kEmpty = ~TokenPair{0};
  struct Slot {
    TokenPair pair = kEmpty;
    std::int64_t count = 0;
  };

  std::size_t home(TokenPair pair) const;
  void grow();

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
  int shift_ = 64;
};

}  // namespace superpose::tokenizer
