#include "model/step_parts.h"

#include <algorithm>

namespace superpose::model {

PartCost product_cost(const StepShape& shape, std::int64_t in, std::int64_t out) {
  const double once = 2 * static_cast<double>(shape.positions) * static_cast<double>(in * out);
  return {CostUnit::kFlops, once, once, once};
}

PartCost traffic_cost(const StepShape& shape, std::int64_t forward, std::int64_t backward) {
  const double bytes = static_cast<double>(shape.positions) * (shape.bf16 ? 2 : 4);
  return {CostUnit::kBytes, bytes * static_cast<double>(forward),
          bytes * static_cast<double>(backward), 0};
}

void add_parts(std::vector<StepPart>& sum, const std::vector<StepPart>& parts) {
  for (const StepPart& part : parts) {
    const auto found = std::find_if(sum.begin(), sum.end(),
                                    [&](const StepPart& other) { return other.name == part.name; });
    if (found == sum.end()) {
      sum.push_back(part);
      continue;
    }
    found->cost.forward += part.cost.forward;
    found->cost.backward += part.cost.backward;
    found->cost.weight_gradient += part.cost.weight_gradient;
  }
}

}  // namespace superpose::model
