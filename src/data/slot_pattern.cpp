// A mixture's weights as a fixed order of sources.
//
// The pattern has kPatternSlots slots. Slot j of a source with c of them is due at (j + 1/2) / c of
// the pattern; all are sorted by when they are due, equal ones by the order of the sources. The
// fractions are compared by cross multiplication, so the order does not depend on rounding. Every
// source is then spread evenly: after any number of rows each has given its share to within a few
// rows, where random draws would only be right on average. Building it takes O(n log n) once per
// set of weights; the source of a row is a table look-up, and the number of rows of a source before
// it a binary search.
#include "data/slot_pattern.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "util/error.h"

namespace superpose::data {
namespace {

struct Occurrence {
  std::int64_t twice_place;  // 2 j + 1: it is due at (2 j + 1) / (2 c)
  std::int64_t slots;        // c
  std::int32_t source;
};

// Exact: slots of different sources may be due at the same point, and must not depend on rounding.
bool stands_before(const Occurrence& x, const Occurrence& y) {
  const std::int64_t left = x.twice_place * y.slots;
  const std::int64_t right = y.twice_place * x.slots;
  return left != right ? left < right : x.source < y.source;
}

// Takes what the least slots of small weights cost from the sources that have most.
void take_from_largest(std::vector<std::int64_t>& slots, std::int64_t excess) {
  for (; excess > 0; --excess) --*std::max_element(slots.begin(), slots.end());
}

}  // namespace

std::vector<std::int64_t> slots_of_weights(std::span<const double> weights) {
  double sum = 0;
  for (const double weight : weights) {
    util::require(std::isfinite(weight) && weight >= 0, "mixture: weight must be >= 0, got ",
                  weight);
    sum += weight;
  }
  util::require(std::isfinite(sum) && sum > 0, "mixture: a weight must be > 0, got a sum of ", sum);
  const auto positive =
      std::count_if(weights.begin(), weights.end(), [](double weight) { return weight > 0; });
  util::require(positive <= kPatternSlots, "mixture: at most ", kPatternSlots,
                " sources may have a weight, got ", positive);

  std::vector<std::int64_t> slots;
  std::vector<double> remainders;
  for (const double weight : weights) {
    const double exact = weight / sum * static_cast<double>(kPatternSlots);
    slots.push_back(static_cast<std::int64_t>(exact));
    remainders.push_back(exact - std::floor(exact));
  }
  std::vector<std::size_t> order(slots.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t x, std::size_t y) { return remainders[x] > remainders[y]; });
  std::int64_t missing = kPatternSlots - std::accumulate(slots.begin(), slots.end(), 0LL);
  for (std::size_t i = 0; missing > 0; ++i, --missing) ++slots[order[i % order.size()]];
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (weights[i] > 0 && slots[i] == 0) slots[i] = 1;
  }
  take_from_largest(slots, std::accumulate(slots.begin(), slots.end(), 0LL) - kPatternSlots);
  return slots;
}

SlotPattern::SlotPattern(std::span<const std::int64_t> slots) : places_(slots.size()) {
  std::vector<Occurrence> occurrences;
  std::int64_t total = 0;
  for (std::size_t source = 0; source < slots.size(); ++source) {
    const std::int64_t count = slots[source];
    util::require(count >= 0 && count <= kPatternSlots, "mixture: slots must lie in [0, ",
                  kPatternSlots, "], got ", count);
    total += count;
    for (std::int64_t j = 0; j < count; ++j) {
      occurrences.push_back({2 * j + 1, count, static_cast<std::int32_t>(source)});
    }
  }
  util::require(total == kPatternSlots, "mixture: slots must add up to ", kPatternSlots, ", got ",
                total);
  std::sort(occurrences.begin(), occurrences.end(), stands_before);
  for (const Occurrence& occurrence : occurrences) {
    places_[static_cast<std::size_t>(occurrence.source)].push_back(
        static_cast<std::int32_t>(sources_.size()));
    sources_.push_back(occurrence.source);
  }
}

std::int64_t SlotPattern::source_of(std::int64_t row) const {
  return sources_[static_cast<std::size_t>(row % kPatternSlots)];
}

std::int64_t SlotPattern::count(std::int64_t source, std::int64_t rows) const {
  const auto& places = places_[static_cast<std::size_t>(source)];
  const auto before = std::lower_bound(places.begin(), places.end(), rows % kPatternSlots);
  return rows / kPatternSlots * std::ssize(places) + (before - places.begin());
}

}  // namespace superpose::data
