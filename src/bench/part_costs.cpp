#include "bench/part_costs.h"

#include "model/decoder_layout.h"

namespace superpose::bench {
namespace {

// A pass over the flat buffers.
std::optional<PartCost> flat_pass_cost(std::string_view part, const StepCosts& step) {
  const auto pass = [](double bytes) { return PartCost{CostUnit::kBytes, bytes, 0, 0}; };
  const auto parameters = static_cast<double>(step.parameters);
  if (part == "clear gradient") return pass(4 * parameters);
  if (part == "gradient norm") return pass(4 * parameters);
  if (part == "optimizer") return pass(step.optimizer_bytes);
  return std::nullopt;
}

}  // namespace

std::optional<PartCost> cost_of(std::string_view part, const model::ModelConfig& config,
                                const StepCosts& step) {
  for (const model::StepPart& known : model::step_parts(config, step.shape)) {
    if (known.name == part) return known.cost;
  }
  return flat_pass_cost(part, step);
}

}  // namespace superpose::bench
