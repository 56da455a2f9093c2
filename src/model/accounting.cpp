#include "model/accounting.h"

#include <algorithm>

#include "model/decoder_layout.h"

namespace superpose::model {
namespace {

// Of the objective that needs most.
std::int64_t objective_scratch(const ModelConfig& config, const MemoryRequest& request) {
  std::int64_t most = 0;
  for (const Objective* objective : request.objectives) {
    most = std::max(most, objective->scratch_bytes(config, request.rows * request.sequence_length,
                                                   request.bf16));
  }
  return most;
}

Activations activations_of(const UnitLayout& unit) {
  Activations sum;
  for (const BlockSpec& block : unit.blocks) {
    sum.elements += block.activations.elements;
    sum.f32 += block.activations.f32;
    sum.in_flight += block.activations.in_flight;
  }
  return sum;
}

}  // namespace

std::int64_t parameter_count(const ModelConfig& config) {
  std::int64_t count = 0;
  for (const UnitSpec& unit : decoder_units(config)) {
    for (const ParameterSpec& weight : unit.weights) count += weight.numel();
  }
  return count;
}

std::int64_t active_parameter_count(const ModelConfig& config) {
  std::int64_t idle = 0;
  for (const UnitLayout& unit : decoder_layout(config)) {
    for (const BlockSpec& block : unit.blocks) idle += block.idle_parameters;
  }
  return parameter_count(config) - idle;
}

double flops_per_position(const ModelConfig& config, std::int64_t sequence_length) {
  double flops = 0;
  for (const UnitLayout& unit : decoder_layout(config, sequence_length)) {
    for (const BlockSpec& block : unit.blocks) flops += block.flops_per_position;
  }
  return flops;
}

MemoryEstimate estimate_memory(const ModelConfig& config, const MemoryRequest& request) {
  const std::int64_t parameters = parameter_count(config);
  const std::int64_t positions = request.rows * request.sequence_length;
  const std::int64_t element = request.bf16 ? 2 : 4;
  const std::vector<UnitLayout> units = decoder_layout(config, request.sequence_length);

  std::int64_t kept = 0;        // bytes per position
  std::int64_t recomputed = 0;  // of the largest layer that is recomputed, while it is
  std::int64_t in_flight = 0;   // of the last layer: its activations are still held then
  for (std::size_t i = 0; i < units.size(); ++i) {
    const Activations unit = activations_of(units[i]);
    const std::int64_t whole = unit.elements * element + unit.f32 * 4;
    const bool is_layer = i > 0 && i + 1 < units.size();
    if (is_layer) in_flight = unit.in_flight * element;
    const auto every = static_cast<std::size_t>(request.recompute_every);
    if (is_layer && every > 0 && i % every == 0) {
      kept += 2 * config.hidden_size * element;  // its input alone
      recomputed = std::max(recomputed, whole);
    } else {
      kept += whole;
    }
  }
  const std::int64_t ids = 8 * (request.bag_size + request.target_size);

  MemoryEstimate estimate;
  estimate.parameters = parameters * (request.bf16 ? 4 + 2 : 4);
  estimate.gradients = parameters * 4;
  estimate.activations =
      positions * (kept + recomputed + in_flight + ids) + objective_scratch(config, request);
  return estimate;
}

}  // namespace superpose::model
