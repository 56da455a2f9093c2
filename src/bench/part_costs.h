// What the parts of a step cost at least, in closed form.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/model_config.h"
#include "model/step_parts.h"

namespace superpose::bench {

using model::CostUnit;
using model::PartCost;

// A step, and the passes over the flat buffers that belong to it.
struct StepCosts {
  model::StepShape shape;
  std::int64_t parameters = 0;  // elements
  double optimizer_bytes = 0;   // that an update reads and writes (optim::update_bytes)
};

// `part` is a name of PartTimes; `config` is resolved. Nothing for a part whose work is not known
// here.
std::optional<PartCost> cost_of(std::string_view part, const model::ModelConfig& config,
                                const StepCosts& step);

}  // namespace superpose::bench
