// The optimizer of a model: which rule updates which weights, and their states.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "model/flat_parameters.h"
#include "optim/optim_config.h"
#include "optim/rule.h"

namespace superpose::optim {

// Bytes of the states of all weights, before anything is built.
std::int64_t state_bytes(const OptimConfig& config, const std::vector<model::UnitSpec>& units);

// Bytes that one update reads and writes, at least; `copies`: with the bf16 copy.
double update_bytes(const OptimConfig& config, const std::vector<model::UnitSpec>& units,
                    bool copies);

// Vectors have no weight decay. Every other weight is updated by the rule that the recipe names for
// its role.
class Optimizer {
 public:
  // `parameters` must outlive it. States start as zero.
  Optimizer(const OptimConfig& config, const model::FlatParameters& parameters);

  // One update of every weight, with gradients multiplied by grad_scale (clip_scale() of
  // gradient_norm.h). Leaves the gradients as they are.
  void step(double learning_rate, double grad_scale);

  // As after construction; weights are left as they are.
  void reset();

  // For checkpoints: the states of each weight, views of [numel], and the number of updates done.
  struct WeightState {
    std::string_view state;
    std::string_view weight;
    at::Tensor values;
  };
  std::vector<WeightState> states() const;
  std::int64_t& step_count() { return step_count_; }

  // Flat tensors that together hold every state.
  const std::vector<at::Tensor>& buffers() const { return buffers_; }

 private:
  struct Part {
    const Rule* rule = nullptr;
    bool decays = true;
    std::vector<const model::Parameter*> weights = {};
    std::int64_t begin = 0, end = 0;  // elements of the flat buffers
    RuleRange range = {};
  };

  void add(const model::Parameter& weight);
  void allocate(const model::FlatParameters& parameters);

  OptimConfig config_;
  std::vector<std::unique_ptr<Rule>> rules_;
  std::vector<Part> parts_;
  std::vector<at::Tensor> buffers_;
  std::int64_t step_count_ = 0;
};

}  // namespace superpose::optim
