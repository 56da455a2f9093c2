// Byte-pair encoding of one word (Sennrich et al. 2016): of all neighbouring pairs the one with the
// lowest rank is merged, the leftmost of equals first, until no pair has a rank.
//
// Nearly all words are a few bytes long. Up to kShort symbols the ranks of all pairs are kept in an
// array and the lowest is looked for each time: quadratic, but without memory to manage. Longer
// words (a line of spaces, a text without a place to split it) take a heap of pairs over a linked
// list of symbols, n log n in the worst case; pairs that a merge has changed stay in the heap and
// are recognised as out of date when they come up. Ranks are looked up in an open-addressed table,
// at most half full.
#include "tokenizer/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <unordered_map>

#include "tokenizer/bytes.h"
#include "util/error.h"

namespace superpose::tokenizer {
namespace {

// Up to here looking through all pairs beats a heap.
constexpr std::size_t kShort = 32;

// Indices in a word have 32 bits.
constexpr std::size_t kLongestWord = std::numeric_limits<std::int32_t>::max();

}  // namespace

Bpe::Bpe(const Description& description) {
  byte_ids_.fill(kNone);
  std::unordered_map<std::string_view, std::int32_t> ids;
  for (const auto& token : description.vocabulary) {
    if (token.text.size() <= 2) ids.emplace(token.text, token.id);
  }
  const auto alphabet = byte_level_alphabet();
  for (std::size_t byte = 0; byte < alphabet.size(); ++byte) {
    const auto found = ids.find(alphabet[byte]);
    if (found != ids.end()) byte_ids_[byte] = found->second;
  }

  has_merges_ = !description.merges.empty();
  // At most half full.
  const std::size_t size = std::bit_ceil(std::max<std::size_t>(2 * description.merges.size(), 2));
  slots_.resize(size);
  shift_ = 64 - std::countr_zero(size);
  std::uint32_t rank = 0;
  for (const auto& merge : description.merges) {
    const std::uint64_t pair = pair_of(merge.left, merge.right);
    std::size_t place = place_of(pair);
    while (slots_[place].pair != kEmpty && slots_[place].pair != pair) {
      place = (place + 1) & (size - 1);
    }
    // A pair that is listed twice has the rank of its last entry, as in `tokenizers`.
    slots_[place] = {pair, rank++, merge.merged};
  }
}

const Bpe::Slot* Bpe::find(std::int32_t left, std::int32_t right) const {
  const std::uint64_t pair = pair_of(left, right);
  std::size_t place = place_of(pair);
  while (slots_[place].pair != pair) {
    if (slots_[place].pair == kEmpty) return nullptr;
    place = (place + 1) & (slots_.size() - 1);
  }
  return &slots_[place];
}

void Bpe::encode(std::string_view word, Scratch& scratch, std::vector<std::int32_t>& ids) const {
  // Bytes that the vocabulary lacks go first: their neighbours then stand side by side.
  if (!has_merges_) {
    for (const char c : word) {
      const std::int32_t id = byte_ids_[static_cast<unsigned char>(c)];
      if (id != kNone) ids.push_back(id);
    }
    return;
  }
  if (word.size() <= kShort) {
    std::array<std::int32_t, kShort> symbols;
    std::size_t count = 0;
    for (const char c : word) {
      const std::int32_t id = byte_ids_[static_cast<unsigned char>(c)];
      if (id != kNone) symbols[count++] = id;
    }
    merge_short(std::span(symbols).first(count), ids);
    return;
  }
  util::require(word.size() <= kLongestWord,
                "tokenizer: text without a position to split it at is ", "longer than ",
                kLongestWord, " bytes, got ", word.size());
  scratch.symbols.clear();
  scratch.symbols.reserve(word.size());
  for (const char c : word) {
    const std::int32_t id = byte_ids_[static_cast<unsigned char>(c)];
    if (id == kNone) continue;
    const auto place = static_cast<std::int32_t>(scratch.symbols.size());
    scratch.symbols.push_back({id, place - 1, place + 1});
  }
  if (!scratch.symbols.empty()) merge_long(scratch, ids);
}

void Bpe::merge_short(std::span<std::int32_t> symbols, std::vector<std::int32_t>& ids) const {
  constexpr std::uint32_t kNoMerge = ~std::uint32_t{0};
  // Of each pair (i, i + 1) of what is left.
  std::array<std::uint32_t, kShort> ranks;
  std::array<std::int32_t, kShort> merged;
  std::size_t count = symbols.size();
  const auto look_up = [&](std::size_t i) {
    const Slot* slot = find(symbols[i], symbols[i + 1]);
    ranks[i] = slot == nullptr ? kNoMerge : slot->rank;
    merged[i] = slot == nullptr ? kNone : slot->merged;
  };
  for (std::size_t i = 0; i + 1 < count; ++i) look_up(i);
  while (count > 1) {
    // The first of equals: the leftmost goes first.
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (ranks[i] < ranks[best]) best = i;
    }
    if (ranks[best] == kNoMerge) break;
    symbols[best] = merged[best];
    --count;
    for (std::size_t i = best + 1; i < count; ++i) symbols[i] = symbols[i + 1];
    for (std::size_t i = best + 1; i + 1 < count; ++i) {
      ranks[i] = ranks[i + 1];
      merged[i] = merged[i + 1];
    }
    if (best > 0) look_up(best - 1);
    if (best + 1 < count) look_up(best);
  }
  ids.insert(ids.end(), symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(count));
}

bool Bpe::add_candidate(Scratch& scratch, std::int32_t place) const {
  const auto& symbol = scratch.symbols[static_cast<std::size_t>(place)];
  const auto& right = scratch.symbols[static_cast<std::size_t>(symbol.next)];
  const Slot* slot = find(symbol.id, right.id);
  if (slot == nullptr) return false;
  scratch.heap.push_back((static_cast<std::uint64_t>(slot->rank) << 32) |
                         static_cast<std::uint32_t>(place));
  return true;
}

void Bpe::merge_long(Scratch& scratch, std::vector<std::int32_t>& ids) const {
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  const auto end = static_cast<std::int32_t>(symbols.size());
  const auto symbol = [&symbols](std::int32_t place) -> Scratch::Symbol& {
    return symbols[static_cast<std::size_t>(place)];
  };
  const auto push = [&](std::int32_t place) {
    if (add_candidate(scratch, place)) std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  heap.clear();
  heap.reserve(2 * symbols.size());  // a merge takes one away and adds two at most
  for (std::int32_t place = 0; place + 1 < end; ++place) add_candidate(scratch, place);
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const std::uint64_t candidate = heap.back();
    heap.pop_back();
    const auto place = static_cast<std::int32_t>(candidate & 0xFFFFFFFF);
    Scratch::Symbol& left = symbol(place);
    if (left.id == kNone || left.next == end) continue;
    Scratch::Symbol& right = symbol(left.next);
    // Out of date where one of the two has been merged since: a rank belongs to one pair.
    const Slot* slot = find(left.id, right.id);
    if (slot == nullptr || slot->rank != candidate >> 32) continue;
    left.id = slot->merged;
    right.id = kNone;
    left.next = right.next;
    if (left.next != end) {
      symbol(left.next).previous = place;
      push(place);
    }
    if (left.previous >= 0) push(left.previous);
  }
  for (std::int32_t place = 0; place != end; place = symbol(place).next) {
    ids.push_back(symbol(place).id);
  }
}

}  // namespace superpose::tokenizer
