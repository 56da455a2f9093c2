// The parts of a training step that observers see by name (`superpose bench`, PyTorch's profiler),
// and what each costs at least, in closed form.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace superpose::model {

struct StepShape {
  std::int64_t positions = 0;  // of the step
  std::int64_t sequence_length = 0;
  std::int64_t bag_size = 1;
  bool bf16 = false;  // compute type
};

enum class CostUnit { kFlops, kBytes };

// Work of one part in a step. Bytes: each operand read or written once, ids and row statistics left
// out.
struct PartCost {
  CostUnit unit = CostUnit::kFlops;
  double forward = 0;
  double backward = 0;
  double weight_gradient = 0;
};

struct StepPart {
  std::string name;
  PartCost cost;
};

// x [N, in] times a weight [out, in]: as much again for the gradient of x, and of the weight.
PartCost product_cost(const StepShape& shape, std::int64_t in, std::int64_t out);

// `forward` and `backward` values of the compute type move for each position.
PartCost traffic_cost(const StepShape& shape, std::int64_t forward, std::int64_t backward);

// Adds parts of one name up.
void add_parts(std::vector<StepPart>& sum, const std::vector<StepPart>& parts);

}  // namespace superpose::model
