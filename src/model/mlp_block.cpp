#include "model/mlp_block.h"

#include "ops/recomputed_linear.h"

namespace superpose::model {
namespace {

BlockSpec mlp_spec(const ModelConfig& config, const LayerId& layer, std::int64_t /*length*/) {
  const std::string& prefix = layer.prefix;
  const std::int64_t width = config.hidden_size;
  const std::int64_t ffn = config.ffn_size;
  BlockSpec spec;
  spec.weights = {
      {prefix + "mlp.gate_proj.weight", {ffn, width}},
      {prefix + "mlp.up_proj.weight", {ffn, width}, Role::kMatrix, true},
      {prefix + "mlp.down_proj.weight", {width, ffn}, Role::kMatrix, false, Init::kResidual},
      {prefix + "post_attention_layernorm.weight", {width}, Role::kVector, false, Init::kOnes}};
  spec.flops_per_position = 6 * static_cast<double>(3 * width * ffn + width);
  // The stream's sum, gate and up; the inverse norm.
  spec.activations = {.elements = width + 2 * ffn, .f32 = 1, .in_flight = 3 * ffn + 2 * width};
  return spec;
}

std::vector<StepPart> mlp_parts(const ModelConfig& config, const StepShape& shape) {
  const std::int64_t width = config.hidden_size;
  const std::int64_t ffn = config.ffn_size;
  return {norm_part(config, shape),
          {"gate_up", product_cost(shape, width, 2 * ffn)},
          // Recomputed in backward (ops/recomputed_linear.h).
          {"swiglu", traffic_cost(shape, 3 * ffn, (3 + 5) * ffn)},
          {"down", product_cost(shape, ffn, width)}};
}

class MlpBlock : public Block {
 public:
  MlpBlock(const ModelConfig& config, const LayerId& layer, const FlatParameters& parameters)
      : norm_eps_(config.norm_eps),
        norm_(weight_of(parameters, layer.prefix + "post_attention_layernorm.weight")),
        gate_up_(joined_weight(parameters, layer.prefix + "mlp.gate_proj.weight",
                               layer.prefix + "mlp.up_proj.weight")),
        down_(weight_of(parameters, layer.prefix + "mlp.down_proj.weight")) {}
  Residual forward(const Residual& in, const Pass& pass) const override;

 private:
  double norm_eps_;
  Weight norm_, gate_up_, down_;
};

Residual MlpBlock::forward(const Residual& in, const Pass& pass) const {
  const NormedProduct gate_up =
      normed_product("gate_up", norm_, norm_eps_, in, gate_up_, pass.gradients);
  RECORD_USER_SCOPE("down");
  return {gate_up.sum, ops::swiglu_linear_accumulate(gate_up.product, down_.value,
                                                     down_.wanted(pass.gradients))};
}

}  // namespace

const BlockKind kMlp = {mlp_spec, mlp_parts,
                        [](const ModelConfig& config, const LayerId& layer,
                           const FlatParameters& parameters) -> std::unique_ptr<Block> {
                          return std::make_unique<MlpBlock>(config, layer, parameters);
                        }};

}  // namespace superpose::model
