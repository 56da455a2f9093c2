#include "model/decoder_layout.h"

#include "model/attention_block.h"
#include "model/embedding.h"
#include "model/head.h"
#include "model/mlp_block.h"

namespace superpose::model {
namespace {

std::string layer_prefix(std::int64_t layer) {
  return "model.layers." + std::to_string(layer) + ".";
}

}  // namespace

std::vector<UnitLayout> decoder_layout(const ModelConfig& config, std::int64_t sequence_length) {
  std::vector<UnitLayout> units;
  units.push_back({"embedding", {embedding_spec(config)}});
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    const std::string prefix = layer_prefix(i);
    units.push_back({"layer " + std::to_string(i),
                     {attention_spec(config, prefix, sequence_length), mlp_spec(config, prefix)}});
  }
  units.push_back({"head", {head_spec(config)}});
  return units;
}

std::vector<UnitSpec> decoder_units(const ModelConfig& config) {
  std::vector<UnitSpec> units;
  for (const UnitLayout& layout : decoder_layout(config)) {
    UnitSpec unit{layout.name, {}};
    for (const BlockSpec& block : layout.blocks) {
      unit.weights.insert(unit.weights.end(), block.weights.begin(), block.weights.end());
    }
    units.push_back(std::move(unit));
  }
  return units;
}

std::vector<std::unique_ptr<Block>> make_layer(const ModelConfig& config, std::int64_t index,
                                               const FlatParameters& parameters) {
  const std::string prefix = layer_prefix(index);
  std::vector<std::unique_ptr<Block>> blocks;
  blocks.push_back(
      std::make_unique<AttentionBlock>(config, prefix, config.rotates(index), parameters));
  blocks.push_back(std::make_unique<MlpBlock>(config, prefix, parameters));
  return blocks;
}

std::vector<StepPart> step_parts(const ModelConfig& config, const StepShape& shape) {
  std::vector<StepPart> parts = embedding_parts(config, shape);
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    add_parts(parts, attention_parts(config, shape));
    add_parts(parts, mlp_parts(config, shape));
  }
  add_parts(parts, head_parts(config, shape));
  // The first norm has nothing to add.
  add_parts(parts, {{"norm", traffic_cost(shape, -2 * config.hidden_size, 0)}});
  return parts;
}

}  // namespace superpose::model
