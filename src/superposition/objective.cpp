#include "superposition/objective.h"

#include "util/error.h"

namespace superpose::superposition {
namespace {

constexpr const char* kNothing = "train step: at least one target must be valid, got none";

std::vector<float> of_targets(std::span<const double> slot_weights,
                              std::span<const std::int64_t> counts) {
  util::require(slot_weights.size() >= counts.size(), "train step: expected ", counts.size(),
                " slot weights, got ", slot_weights.size());
  double kept = 0;
  for (std::size_t slot = 0; slot < counts.size(); ++slot) {
    if (counts[slot] > 0) kept += slot_weights[slot];
  }
  util::require(kept > 0, kNothing);
  std::vector<float> coefficients(counts.size(), 0.0F);
  for (std::size_t slot = 0; slot < counts.size(); ++slot) {
    if (counts[slot] == 0) continue;
    coefficients[slot] =
        static_cast<float>(slot_weights[slot] / kept / static_cast<double>(counts[slot]));
  }
  return coefficients;
}

std::vector<float> of_positions(std::span<const std::int64_t> counts) {
  util::require(!counts.empty() && counts.front() > 0, kNothing);
  return {static_cast<float>(1 / static_cast<double>(counts.front()))};
}

}  // namespace

std::vector<float> loss_coefficients(Terms terms, std::span<const double> slot_weights,
                                     std::span<const std::int64_t> counts) {
  return terms == Terms::kOfTargets ? of_targets(slot_weights, counts) : of_positions(counts);
}

}  // namespace superpose::superposition
