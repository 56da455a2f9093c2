#include "model/moe_block.h"

#include <ATen/TensorOperators.h>

#include "ops/expert_mlp.h"
#include "ops/linear.h"
#include "ops/rms_norm.h"

namespace superpose::model {
namespace {

std::string expert_prefix(const LayerId& layer, std::int64_t expert) {
  return layer.prefix + "mlp.experts." + std::to_string(expert) + ".";
}

std::string sums_name(const LayerId& layer) {
  return std::string(kRouterSums) + std::to_string(layer.index);
}

// Gate and up of all experts lie side by side, and so do their downs: one view over each.
BlockSpec moe_spec(const ModelConfig& config, const LayerId& layer, std::int64_t /*length*/) {
  const std::int64_t width = config.hidden_size;
  const MoeConfig& moe = config.moe;
  BlockSpec spec;
  spec.weights.push_back({layer.prefix + "mlp.gate.weight", {moe.num_experts, width}});
  for (std::int64_t e = 0; e < moe.num_experts; ++e) {
    const std::string prefix = expert_prefix(layer, e);
    spec.weights.push_back(
        {prefix + "gate_proj.weight", {moe.ffn_size, width}, Role::kMatrix, e > 0});
    spec.weights.push_back({prefix + "up_proj.weight", {moe.ffn_size, width}, Role::kMatrix, true});
  }
  for (std::int64_t e = 0; e < moe.num_experts; ++e) {
    spec.weights.push_back({expert_prefix(layer, e) + "down_proj.weight",
                            {width, moe.ffn_size},
                            Role::kMatrix,
                            e > 0,
                            Init::kResidual});
  }
  spec.weights.push_back({layer.prefix + "post_attention_layernorm.weight",
                          {width},
                          Role::kVector,
                          false,
                          Init::kOnes});
  spec.sums.push_back({sums_name(layer), router_sums_size(moe.num_experts)});
  const std::int64_t k = moe.experts_per_token;
  spec.flops_per_position =
      6 * static_cast<double>(moe.num_experts * width + k * 3 * width * moe.ffn_size + width);
  spec.idle_parameters = (moe.num_experts - k) * 3 * width * moe.ffn_size;
  // The stream's sum and its norm, gate and up of each pair; the inverse norm, probabilities and
  // shares, and for each pair three numbers of eight bytes.
  spec.activations.elements = 2 * width + k * 2 * moe.ffn_size;
  spec.activations.f32 = 1 + 2 * moe.num_experts + k * (1 + 6);
  spec.activations.in_flight = k * (4 * moe.ffn_size + 3 * width) + 2 * width;
  return spec;
}

std::vector<StepPart> moe_parts(const ModelConfig& config, const StepShape& shape) {
  const std::int64_t width = config.hidden_size;
  const MoeConfig& moe = config.moe;
  StepShape pairs = shape;
  pairs.positions *= moe.experts_per_token;
  std::vector<StepPart> parts = {norm_part(config, shape),
                                 {"router", product_cost(shape, width, moe.num_experts)}};
  add_parts(parts, {{"experts", product_cost(pairs, width, 2 * moe.ffn_size)}});
  add_parts(parts, {{"experts", product_cost(pairs, moe.ffn_size, width)}});
  return parts;
}

class MoeBlock : public Block {
 public:
  MoeBlock(const ModelConfig& config, const LayerId& layer, const FlatParameters& parameters)
      : moe_(config.moe),
        norm_eps_(config.norm_eps),
        norm_(weight_of(parameters, layer.prefix + "post_attention_layernorm.weight")),
        router_{parameters.view(layer.prefix + "mlp.gate.weight"),
                parameters.gradient_view(layer.prefix + "mlp.gate.weight")},
        sums_(parameters.sums(sums_name(layer))),
        last_sums_(parameters.last_sums(sums_name(layer))) {
    const std::string first = expert_prefix(layer, 0);
    const std::string last = expert_prefix(layer, moe_.num_experts - 1);
    gate_up_ =
        by_expert(joined_weight(parameters, first + "gate_proj.weight", last + "up_proj.weight"));
    down_ =
        by_expert(joined_weight(parameters, first + "down_proj.weight", last + "down_proj.weight"));
  }
  Residual forward(const Residual& in, const Pass& pass) const override;

 private:
  // [E * rows, columns] as [E, rows, columns].
  Weight by_expert(const Weight& weight) const {
    const std::int64_t rows = weight.value.size(0) / moe_.num_experts;
    const auto split = [&](const at::Tensor& all) {
      return all.defined() ? all.view({moe_.num_experts, rows, all.size(1)}) : all;
    };
    return {split(weight.value), split(weight.gradient)};
  }

  MoeConfig moe_;
  double norm_eps_;
  Weight norm_, router_, gate_up_, down_;
  at::Tensor sums_, last_sums_;
};

Residual MoeBlock::forward(const Residual& in, const Pass& pass) const {
  const auto [sum, normed] = named_part("norm", [&] {
    return ops::add_rms_norm_accumulate(in.sum, in.update, norm_.value, norm_eps_,
                                        norm_.wanted(pass.gradients));
  });
  const auto [experts, shares] = named_part("router", [&] {
    const at::Tensor logits = ops::linear_accumulate(normed.to(at::kFloat), router_.value,
                                                     router_.wanted(pass.gradients));
    const Routing routing =
        route(logits, {moe_.experts_per_token, pass.rows, pass.router_losses, sums_, last_sums_});
    const at::Tensor picked = routing.probabilities.gather(1, routing.experts);
    return std::pair(routing.experts,
                     moe_.normalize_shares ? picked / picked.sum(1, true) : picked);
  });
  const at::Tensor update = named_part("experts", [&] {
    return ops::expert_mlp_accumulate(normed, experts, shares,
                                      {gate_up_.value, down_.value, gate_up_.wanted(pass.gradients),
                                       down_.wanted(pass.gradients)});
  });
  return {sum, update};
}

}  // namespace

const BlockKind kMoe = {moe_spec, moe_parts,
                        [](const ModelConfig& config, const LayerId& layer,
                           const FlatParameters& parameters) -> std::unique_ptr<Block> {
                          return std::make_unique<MoeBlock>(config, layer, parameters);
                        }};

}  // namespace superpose::model
