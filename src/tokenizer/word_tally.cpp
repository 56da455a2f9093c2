#include "tokenizer/word_tally.h"

#include <algorithm>
#include <limits>

#include "util/error.h"
#include "util/hash.h"

namespace superpose::tokenizer {
namespace {

constexpr std::size_t kFirstSlots = 1024;
constexpr std::size_t kMostSlots = std::size_t{1} << 32;  // what 32 bits of a hash can tell apart

}  // namespace

std::uint64_t WordTally::hash_of(std::string_view word) { return util::hash64(word); }

void WordTally::add(std::string_view word, std::uint64_t hash, std::int64_t count) {
  if (2 * size_ >= slots_.size()) grow();
  const std::size_t mask = slots_.size() - 1;
  const auto low = static_cast<std::uint32_t>(hash);
  for (std::size_t at = low & mask;; at = (at + 1) & mask) {
    Slot& slot = slots_[at];
    if (slot.count == 0) {
      util::require(word.size() <= std::numeric_limits<std::uint32_t>::max(),
                    "tokenizer train: a word must be shorter than 4 GiB, got ", word.size(),
                    " bytes without any place to split");
      slot = {count, text_.size(), static_cast<std::uint32_t>(word.size()), low};
      text_ += word;
      ++size_;
      return;
    }
    if (slot.hash == low && slot.length == word.size() && word_of(slot) == word) {
      slot.count += count;
      return;
    }
  }
}

void WordTally::clear() {
  std::fill(slots_.begin(), slots_.end(), Slot());
  text_.clear();
  size_ = 0;
}

void WordTally::grow() {
  util::require(slots_.size() <= kMostSlots / 2, "tokenizer train: too many distinct words, got ",
                size_, "; are these texts?");
  std::vector<Slot> old(slots_.empty() ? kFirstSlots : 2 * slots_.size());
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.count == 0) continue;
    std::size_t at = slot.hash & mask;
    while (slots_[at].count != 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

}  // namespace superpose::tokenizer
