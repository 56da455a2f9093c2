#include "model/decoder_layout.h"

#include "model/attention_block.h"
#include "model/embedding.h"
#include "model/head.h"
#include "model/mlp_block.h"
#include "model/moe_block.h"

namespace superpose::model {
namespace {

LayerId layer_id(std::int64_t index) {
  return {index, "model.layers." + std::to_string(index) + "."};
}

// What a layer is made of, in order: the one place that names the kinds.
std::vector<const BlockKind*> kinds_of(const ModelConfig& config, std::int64_t index) {
  return {&kAttention, config.moe.is_in_layer(index) ? &kMoe : &kMlp};
}

}  // namespace

std::vector<UnitLayout> decoder_layout(const ModelConfig& config, std::int64_t sequence_length) {
  std::vector<UnitLayout> units;
  units.push_back({"embedding", {embedding_spec(config)}});
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    UnitLayout layer{"layer " + std::to_string(i), {}};
    for (const BlockKind* kind : kinds_of(config, i)) {
      layer.blocks.push_back(kind->spec(config, layer_id(i), sequence_length));
    }
    units.push_back(std::move(layer));
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
      unit.sums.insert(unit.sums.end(), block.sums.begin(), block.sums.end());
    }
    units.push_back(std::move(unit));
  }
  return units;
}

std::vector<std::unique_ptr<Block>> make_layer(const ModelConfig& config, std::int64_t index,
                                               const FlatParameters& parameters) {
  std::vector<std::unique_ptr<Block>> blocks;
  for (const BlockKind* kind : kinds_of(config, index)) {
    blocks.push_back(kind->make(config, layer_id(index), parameters));
  }
  return blocks;
}

std::vector<StepPart> step_parts(const ModelConfig& config, const StepShape& shape) {
  std::vector<StepPart> parts = embedding_parts(config, shape);
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    for (const BlockKind* kind : kinds_of(config, i)) add_parts(parts, kind->parts(config, shape));
  }
  add_parts(parts, head_parts(config, shape));
  // The first norm has nothing to add.
  add_parts(parts, {{"norm", traffic_cost(shape, -2 * config.hidden_size, 0)}});
  return parts;
}

}  // namespace superpose::model
