// A set of content hashes, to find documents that occur twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace superpose::corpus {

// At most 32 bytes for each hash, 48 while it grows. The hashes are spread already, so their low
// bits are the slot in the table.
class ContentSet {
 public:
  // Whether the hash is new.
  bool insert(std::uint64_t content);
  bool contains(std::uint64_t content) const;
  std::size_t size() const { return size_; }

 private:
  std::size_t place_of(std::uint64_t content) const;
  void grow();

  std::vector<std::uint64_t> table_;  // a power of two of slots, 0 = free; at most half full
  std::size_t size_ = 0;
  bool has_zero_ = false;
};

}  // namespace superpose::corpus
