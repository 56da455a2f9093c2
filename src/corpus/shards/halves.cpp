#include "corpus/shards/halves.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "util/hash.h"

namespace superpose::corpus {
namespace {

constexpr std::uint64_t kHalfSeed = 1;  // of the hash that draws the half; any fixed number

}  // namespace

std::string draw_halves(std::span<const std::uint64_t> contents) {
  std::string halves;
  std::vector<std::uint64_t> draws;
  for (const std::uint64_t content : contents) {
    const auto bytes = std::as_bytes(std::span(&content, 1));
    draws.push_back(util::hash64(bytes, kHalfSeed));
    halves.push_back((draws.back() >> 63) == 0 ? 'A' : 'B');
  }
  const auto num_a = std::count(halves.begin(), halves.end(), 'A');
  if (halves.size() < 2 || (num_a > 0 && num_a < std::ssize(halves))) return halves;
  std::vector<std::size_t> order(halves.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t x, std::size_t y) { return draws[x] < draws[y]; });
  for (std::size_t i = 0; i < order.size(); ++i) halves[order[i]] = i % 2 == 0 ? 'A' : 'B';
  return halves;
}

}  // namespace superpose::corpus
