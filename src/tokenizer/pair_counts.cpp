#include "tokenizer/pair_counts.h"

#include <bit>

namespace superpose::tokenizer {
namespace {

constexpr std::size_t kFirstSlots = std::size_t{1} << 14;
constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio: Fibonacci hashing

}  // namespace

std::int64_t& PairCounts::operator[](TokenPair pair) {
  if (4 * size_ >= 3 * slots_.size()) grow();
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = home(pair);; at = (at + 1) & mask) {
    Slot& slot = slots_[at];
    if (slot.pair == pair) return slot.count;
    if (slot.pair == kEmpty) {
      slot.pair = pair;
      ++size_;
      return slot.count;
    }
  }
}

// Both halves reach the top bits, neighbouring ids far apart.
std::size_t PairCounts::home(TokenPair pair) const {
  return ((pair ^ (pair >> 29)) * kGolden) >> shift_;
}

void PairCounts::grow() {
  std::vector<Slot> old(slots_.empty() ? kFirstSlots : 2 * slots_.size());
  old.swap(slots_);
  shift_ = 64 - std::countr_zero(slots_.size());
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.pair == kEmpty) continue;
    std::size_t at = home(slot.pair);
    while (slots_[at].pair != kEmpty) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

}  // namespace superpose::tokenizer
