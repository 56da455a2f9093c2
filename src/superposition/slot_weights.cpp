#include "superposition/slot_weights.h"

#include <cmath>

#include "util/error.h"

namespace superpose::superposition {
namespace {

double raw_weight(SlotWeighting weighting, std::size_t slot, std::span<const double> numbers) {
  const auto i = static_cast<double>(slot);
  switch (weighting) {
    case SlotWeighting::kUniform:
      return 1.0;
    case SlotWeighting::kInverse:
      return 1.0 / (i + 1.0);
    case SlotWeighting::kExponential:
      return std::exp(-i);
    case SlotWeighting::kExplicit:
      return numbers[slot];
  }
  util::fail("slot_weighting: unknown value ", static_cast<int>(weighting));
}

}  // namespace

std::vector<double> make_slot_weights(SlotWeighting weighting, std::int64_t target_size,
                                      std::span<const double> numbers) {
  util::require(target_size >= 1, "target_size: must be >= 1, got ", target_size);
  const auto count = static_cast<std::size_t>(target_size);
  if (weighting == SlotWeighting::kExplicit) {
    util::require(numbers.size() == count, "slot_weights: must hold target_size = ", target_size,
                  " numbers, got ", numbers.size());
  } else {
    util::require(numbers.empty(),
                  "slot_weights: must be empty unless slot_weighting is \"explicit\", got ",
                  numbers.size(), " numbers");
  }

  std::vector<double> weights(count);
  double sum = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    weights[i] = raw_weight(weighting, i, numbers);
    util::require(std::isfinite(weights[i]) && weights[i] >= 0.0,
                  "slot_weights: must be finite and >= 0, got ", weights[i]);
    sum += weights[i];
  }
  util::require(std::isfinite(sum) && sum > 0.0, "slot_weights: must have a positive sum, got ",
                sum);
  for (double& weight : weights) weight /= sum;
  return weights;
}

}  // namespace superpose::superposition
