// Weights of the targets of a position.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace superpose::superposition {

// How much each of the b targets of a position counts in the loss (arXiv 2605.06546: g(i),
// published default 1).
enum class SlotWeighting { kUniform, kInverse, kExponential, kExplicit };
inline constexpr std::array<std::string_view, 4> kSlotWeightingNames = {"uniform", "inverse",
                                                                        "exponential", "explicit"};

// The weights of the slots i = 1..target_size, normalised to sum 1:
//
//   uniform      1
//   inverse      1 / i
//   exponential  e^-(i - 1)
//   explicit     `numbers` as given
//
// Throws util::Error where target_size < 1, or where `numbers` does not hold exactly target_size
// finite numbers >= 0 with a positive sum (explicit) or is not empty (the others).
std::vector<double> make_slot_weights(SlotWeighting weighting, std::int64_t target_size,
                                      std::span<const double> numbers = {});

}  // namespace superpose::superposition
