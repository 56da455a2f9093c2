// Which source of a mixture each row reads: its weights as a fixed, even pattern.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace superpose::data {

// Rows after which the pattern of a mixture's sources begins again.
inline constexpr std::int64_t kPatternSlots = 65'536;

// Slots of each source in a pattern: weight / sum of weights * kPatternSlots, rounded by the
// largest remainder (ties go to the earlier source), and 1 at least for every positive weight. They
// add up to kPatternSlots. Throws util::Error unless weights are finite, >= 0 and one of them
// positive, or for more positive weights than slots.
std::vector<std::int64_t> slots_of_weights(std::span<const double> weights);

// Which source each row of a mixture reads. Slot j of a source with c of them is due at
// (j + 1/2) / c of the pattern; sorted by that (ties: the earlier source first), the slots of every
// source are spread evenly. Row k takes slot k mod kPatternSlots.
class SlotPattern {
 public:
  // `slots`: of each source, >= 0, adding up to kPatternSlots; throws util::Error otherwise.
  explicit SlotPattern(std::span<const std::int64_t> slots);

  std::int64_t source_of(std::int64_t row) const;

  // Rows of a source among the first `rows`; O(log kPatternSlots).
  std::int64_t count(std::int64_t source, std::int64_t rows) const;

 private:
  std::vector<std::int32_t> sources_;              // of each slot
  std::vector<std::vector<std::int32_t>> places_;  // [source]: its slots, ascending
};

}  // namespace superpose::data
