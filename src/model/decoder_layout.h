// Which blocks a decoder has: the one place where a configuration becomes a list. Weights, costs
// and initial values are sums over it, without a decoder being built. Configurations are resolved.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/block.h"

namespace superpose::model {

struct UnitLayout {
  std::string name;
  std::vector<BlockSpec> blocks;
};

// The embedding, each layer, and the final norm with the head. `sequence_length` decides what
// attention costs, and nothing else.
std::vector<UnitLayout> decoder_layout(const ModelConfig& config, std::int64_t sequence_length = 1);

// The weights alone, with Hugging Face's names.
std::vector<UnitSpec> decoder_units(const ModelConfig& config);

// The blocks of layer `index` on the residual stream, in order; `parameters` must outlive them.
std::vector<std::unique_ptr<Block>> make_layer(const ModelConfig& config, std::int64_t index,
                                               const FlatParameters& parameters);

// What the parts of a step's forward and backward cost, parts of one name added up.
std::vector<StepPart> step_parts(const ModelConfig& config, const StepShape& shape);

}  // namespace superpose::model
