#include "model/attention_block.h"

#include <ATen/ops/zeros.h>

#include <tuple>

#include "ops/bias.h"
#include "ops/cached_attention.h"
#include "ops/causal_attention.h"

namespace superpose::model {
namespace {

struct Widths {
  explicit Widths(const ModelConfig& config)
      : hidden(config.hidden_size),
        queries(config.num_heads * config.head_dim),
        keys(config.num_kv_heads * config.head_dim) {}
  std::int64_t projected() const { return queries + 2 * keys; }
  std::int64_t hidden, queries, keys;
};

BlockSpec attention_spec(const ModelConfig& config, const LayerId& layer,
                         std::int64_t sequence_length) {
  const Widths width(config);
  const std::string& prefix = layer.prefix;
  const std::string attention = prefix + "self_attn.";
  BlockSpec spec;
  spec.weights = {
      {attention + "q_proj.weight", {width.queries, width.hidden}},
      {attention + "k_proj.weight", {width.keys, width.hidden}, Role::kMatrix, true},
      {attention + "v_proj.weight", {width.keys, width.hidden}, Role::kMatrix, true},
      {attention + "o_proj.weight",
       {width.hidden, width.queries},
       Role::kMatrix,
       false,
       Init::kResidual},
      {prefix + "input_layernorm.weight", {width.hidden}, Role::kVector, false, Init::kOnes}};
  if (config.has_qkv_bias()) {
    const auto bias = [&](const char* name, std::int64_t size, bool joins) {
      spec.weights.push_back({attention + name, {size}, Role::kVector, joins, Init::kZeros});
    };
    bias("q_proj.bias", width.queries, false);
    bias("k_proj.bias", width.keys, true);
    bias("v_proj.bias", width.keys, true);
  }
  if (config.has_qk_norm()) {
    for (const char* name : {"q_norm.weight", "k_norm.weight"}) {
      spec.weights.push_back(
          {attention + name, {config.head_dim}, Role::kVector, false, Init::kOnes});
    }
  }
  std::int64_t parameters = 0;
  for (const ParameterSpec& weight : spec.weights) parameters += weight.numel();
  // Two products with L / 2 keys on average, 2 FLOPs per multiply-add; twice that in backward.
  spec.flops_per_position = 6 * static_cast<double>(parameters + sequence_length * width.queries);
  // The stream's sum, q, k, v (before their norm too), what attention gives; the inverse norm and
  // the log-sum-exp of each head.
  spec.activations.elements =
      width.hidden + width.projected() * (config.has_qk_norm() ? 2 : 1) + width.queries;
  spec.activations.f32 = 1 + config.num_heads;
  spec.activations.in_flight = width.projected() + 2 * width.hidden;
  return spec;
}

std::vector<StepPart> attention_parts(const ModelConfig& config, const StepShape& shape) {
  const Widths width(config);
  // Two products of L / 2 keys on average, four in backward.
  const double once = 2 * static_cast<double>(shape.positions) *
                      static_cast<double>(shape.sequence_length * width.queries);
  std::vector<StepPart> parts = {
      norm_part(config, shape),
      {"qkv", product_cost(shape, width.hidden, width.projected())},
      {"rotary", traffic_cost(shape, 2 * width.projected(), 2 * width.projected())},
      {"attention", {CostUnit::kFlops, once, 2 * once, 0}},
      {"o", product_cost(shape, width.queries, width.hidden)}};
  if (config.has_qkv_bias()) {
    parts.push_back({"bias", traffic_cost(shape, 2 * width.projected(), width.projected())});
  }
  return parts;
}

// Positions of the stream [N, C] in rows, [B, length, C], with zeros where none is.
at::Tensor spread(const at::Tensor& stream, const Continued& continued, std::int64_t length) {
  const std::int64_t rows = continued.starts.size(0);
  return at::zeros({rows * length, stream.size(1)}, stream.options())
      .index_copy_(0, continued.held, stream)
      .view({rows, length, -1});
}

class AttentionBlock : public Block {
 public:
  AttentionBlock(const ModelConfig& config, const LayerId& layer, const FlatParameters& parameters);
  Residual forward(const Residual& in, const Pass& pass) const override;

 private:
  // From queries, keys and values of all heads, as the product makes them, to the update.
  at::Tensor attend(const at::Tensor& projected, const Pass& pass) const;

  at::Tensor mix(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const Pass& pass) const;

  ModelConfig config_;
  std::size_t layer_;
  bool rotates_;
  Weight norm_, qkv_, bias_, query_norm_, key_norm_, output_;
};

AttentionBlock::AttentionBlock(const ModelConfig& config, const LayerId& layer,
                               const FlatParameters& parameters)
    : config_(config),
      layer_(static_cast<std::size_t>(layer.index)),
      rotates_(config.rotates(layer.index)),
      norm_(weight_of(parameters, layer.prefix + "input_layernorm.weight")),
      qkv_(joined_weight(parameters, layer.prefix + "self_attn.q_proj.weight",
                         layer.prefix + "self_attn.v_proj.weight")),
      output_(weight_of(parameters, layer.prefix + "self_attn.o_proj.weight")) {
  if (config.has_qkv_bias()) {
    bias_ = joined_weight(parameters, layer.prefix + "self_attn.q_proj.bias",
                          layer.prefix + "self_attn.v_proj.bias");
  }
  if (!config.has_qk_norm()) return;
  query_norm_ = weight_of(parameters, layer.prefix + "self_attn.q_norm.weight");
  key_norm_ = weight_of(parameters, layer.prefix + "self_attn.k_norm.weight");
}

at::Tensor AttentionBlock::mix(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const Pass& pass) const {
  if (pass.continued == nullptr) return ops::causal_attention(q, k, v, pass.document_starts);
  const Continued& continued = *pass.continued;
  return ops::cached_attention(q, k, v, continued.layers[layer_], continued.slots,
                               continued.starts);
}

at::Tensor AttentionBlock::attend(const at::Tensor& projected, const Pass& pass) const {
  ops::HeadNorms norms;
  if (config_.has_qk_norm()) {
    norms = {query_norm_.value, key_norm_.value, query_norm_.wanted(pass.gradients),
             key_norm_.wanted(pass.gradients), config_.norm_eps};
  }
  const ops::HeadLayout layout{config_.num_heads, config_.num_kv_heads, config_.head_dim};
  const at::Tensor held = pass.continued == nullptr ? at::Tensor() : pass.continued->held;
  const auto heads = named_part("rotary", [&] {
    const at::Tensor rows = held.defined()
                                ? spread(projected, *pass.continued, pass.angles.cosines.size(1))
                                : projected.view({pass.rows, projected.size(0) / pass.rows, -1});
    return ops::rotary_heads_accumulate(rows, rotates_ ? pass.angles : pass.no_angles, layout,
                                        norms);
  });
  const at::Tensor mixed = named_part("attention", [&] {
    return mix(std::get<0>(heads), std::get<1>(heads), std::get<2>(heads), pass).flatten(0, 1);
  });
  return product("o", held.defined() ? mixed.index_select(0, held) : mixed, output_,
                 pass.gradients);
}

Residual AttentionBlock::forward(const Residual& in, const Pass& pass) const {
  const NormedProduct qkv =
      normed_product("qkv", norm_, config_.norm_eps, in, qkv_, pass.gradients);
  if (!config_.has_qkv_bias()) return {qkv.sum, attend(qkv.product, pass)};
  const at::Tensor biased = named_part("bias", [&] {
    return ops::add_bias_accumulate(qkv.product, bias_.value, bias_.wanted(pass.gradients));
  });
  return {qkv.sum, attend(biased, pass)};
}

}  // namespace

const BlockKind kAttention = {attention_spec, attention_parts,
                              [](const ModelConfig& config, const LayerId& layer,
                                 const FlatParameters& parameters) -> std::unique_ptr<Block> {
                                return std::make_unique<AttentionBlock>(config, layer, parameters);
                              }};

}  // namespace superpose::model
