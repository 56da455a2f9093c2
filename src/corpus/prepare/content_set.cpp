#include "corpus/prepare/content_set.h"

#include <utility>

namespace superpose::corpus {
namespace {

constexpr std::size_t kFirstPlaces = 1024;

}  // namespace

// The slot that holds the hash, or the free one where it would go.
std::size_t ContentSet::place_of(std::uint64_t content) const {
  const std::size_t mask = table_.size() - 1;
  std::size_t place = static_cast<std::size_t>(content) & mask;
  while (table_[place] != 0 && table_[place] != content) place = (place + 1) & mask;
  return place;
}

bool ContentSet::contains(std::uint64_t content) const {
  if (content == 0) return has_zero_;
  return !table_.empty() && table_[place_of(content)] == content;
}

bool ContentSet::insert(std::uint64_t content) {
  if (content == 0) {
    const bool is_new = !std::exchange(has_zero_, true);
    size_ += is_new ? 1 : 0;
    return is_new;
  }
  if (2 * (size_ + 1) > table_.size()) grow();
  std::uint64_t& place = table_[place_of(content)];
  if (place == content) return false;
  place = content;
  ++size_;
  return true;
}

void ContentSet::grow() {
  std::vector<std::uint64_t> old(table_.empty() ? kFirstPlaces : 2 * table_.size());
  old.swap(table_);
  for (const std::uint64_t content : old) {
    if (content != 0) table_[place_of(content)] = content;
  }
}

}  // namespace superpose::corpus
