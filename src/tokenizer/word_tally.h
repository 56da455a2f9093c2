// A hash table from words to counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace superpose::tokenizer {

// How often each word was seen: an open-addressing table over one block of text, 24 bytes per slot
// and no allocation per word.
class WordTally {
 public:
  // `hash` is hash_of(word): whoever has it already does not pay for it twice. Throws util::Error
  // for a word of 4 GiB or more, and beyond 2^31 distinct words.
  void add(std::string_view word, std::uint64_t hash, std::int64_t count);

  static std::uint64_t hash_of(std::string_view word);

  // Distinct words, and the bytes of all of them.
  std::size_t size() const { return size_; }
  std::size_t text_bytes() const { return text_.size(); }

  // Calls visit(word, count) for every word, in an order that depends on what was added when.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.count != 0) visit(word_of(slot), slot.count);
    }
  }

  // Forgets the words and keeps the memory, or gives that back too.
  void clear();
  void release() { *this = WordTally(); }

 private:
  // Empty where count is 0.
  struct Slot {
    std::int64_t count = 0;
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
    std::uint32_t hash = 0;  // its low bits: enough for the slot, and nearly so for the word
  };

  std::string_view word_of(const Slot& slot) const {
    return std::string_view(text_).substr(slot.offset, slot.length);
  }
  void grow();

  std::vector<Slot> slots_;
  std::string text_;
  std::size_t size_ = 0;
};

}  // namespace superpose::tokenizer
