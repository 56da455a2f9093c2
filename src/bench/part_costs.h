// What the parts of a step cost at least, in closed form.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/model_config.h"

namespace superpose::bench {

struct StepShape {
  std::int64_t positions = 0;  // of the step
  std::int64_t sequence_length = 0;
  std::int64_t bag_size = 1;
  std::int64_t parameters = 0;  // elements
  bool bf16 = false;            // compute type
};

enum class CostUnit { kFlops, kBytes };

// Work of one part in a step, all layers together. Bytes: each operand read or written once, ids
// and row statistics left out.
struct PartCost {
  CostUnit unit = CostUnit::kFlops;
  double forward = 0;
  double backward = 0;
  double weight_gradient = 0;
};

// `part` is a name of PartTimes; `config` is resolved. Nothing for a part whose work is not known
// here.
std::optional<PartCost> cost_of(std::string_view part, const model::ModelConfig& config,
                                const StepShape& shape);

}  // namespace superpose::bench
