// A cache from words to their ids, for the encoder.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace superpose::tokenizer {

// Row n keeps the first n bytes of sixteen (two little-endian words).
inline constexpr auto kFirstBytes = [] {
  std::array<std::array<std::uint64_t, 2>, 17> masks{};
  for (std::size_t size = 0; size < masks.size(); ++size) {
    for (std::size_t byte = 0; byte < size; ++byte) {
      masks[size][byte / 8] |= std::uint64_t{0xFF} << (8 * (byte % 8));
    }
  }
  return masks;
}();

// The ids of words met before. A table of fixed size: a new word takes the place of an old one that
// falls on the same slot. Long words and words of many ids are rare and not kept.
class WordCache {
 public:
  static constexpr std::size_t kLongestWord = 16;
  static constexpr std::size_t kMostIds = 3;

  struct Slot {
    std::uint64_t first = 0;   // bytes 0..7 of the word, zero behind its end
    std::uint64_t second = 0;  // bytes 8..15
    std::array<std::int32_t, kMostIds> ids{};
    std::uint8_t size = 0;  // bytes of the word; 0: nothing here
    std::uint8_t num_ids = 0;
  };

  WordCache() : slots_(kNumSlots) {}

  // The slot of a word of 1 to kLongestWord bytes; it may hold another (holds()). Bytes may be read
  // up to `limit`, the end of the text that the word is part of.
  struct Place {
    Slot* slot;
    std::uint64_t first;
    std::uint64_t second;
    std::uint8_t size;

    bool holds() const {
      return slot->first == first && slot->second == second && slot->size == size;
    }
    void put(std::span<const std::int32_t> ids) const {
      slot->first = first;
      slot->second = second;
      slot->size = size;
      slot->num_ids = static_cast<std::uint8_t>(ids.size());
      for (std::size_t i = 0; i < ids.size(); ++i) slot->ids[i] = ids[i];
    }
  };
  Place place_of(std::string_view word, const char* limit) {
    std::array<std::uint64_t, 2> bytes{};
    if (limit - word.data() >= static_cast<std::ptrdiff_t>(kLongestWord)) {
      std::memcpy(bytes.data(), word.data(), kLongestWord);
      bytes[0] &= kFirstBytes[word.size()][0];
      bytes[1] &= kFirstBytes[word.size()][1];
    } else {
      std::memcpy(bytes.data(), word.data(), word.size());
    }
    constexpr std::uint64_t kFirstFactor = 0x9E3779B97F4A7C15;
    constexpr std::uint64_t kSecondFactor = 0xC2B2AE3D27D4EB4F;
    std::uint64_t hash = (bytes[0] ^ (bytes[1] * kSecondFactor)) * kFirstFactor;
    hash ^= hash >> 32;
    hash *= kSecondFactor;
    return {&slots_[hash >> (64 - kSlotBits)], bytes[0], bytes[1],
            static_cast<std::uint8_t>(word.size())};
  }

 private:
  static constexpr int kSlotBits = 15;
  static constexpr std::size_t kNumSlots = std::size_t{1} << kSlotBits;

  std::vector<Slot> slots_;
};

}  // namespace superpose::tokenizer
