#include "model/decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>
#include <ATen/record_function.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "model/rotary_table.h"
#include "ops/bag_embedding.h"
#include "ops/causal_attention.h"
#include "ops/lean_linear.h"
#include "ops/linear.h"
#include "ops/multi_hot_linear_cross_entropy.h"
#include "ops/rms_norm.h"

// B rows, L positions, N = B * L, D hidden_size, H query heads, K key/value heads, h head_dim, F
// ffn_size.

namespace superpose::model {
namespace {

// f32 logits that token_losses holds at a time: 64 MiB.
constexpr std::int64_t kLogitsAtOnce = std::int64_t{1} << 24;

// Runs a part of the model under a name that observers see (`superpose bench`, PyTorch's profiler);
// costs nothing worth mentioning where there is none.
template <class Run>
auto part(const char* name, const Run& run) {
  RECORD_USER_SCOPE(name);
  return run();
}

std::string layer_prefix(std::int64_t layer) {
  return "model.layers." + std::to_string(layer) + ".";
}

// The gradient that an operator may add to: none where no gradient is wanted.
const at::Tensor& wanted(const at::Tensor& gradient, Gradients gradients) {
  static const at::Tensor none;
  return gradients == Gradients::kAccumulate ? gradient : none;
}

}  // namespace

std::vector<ParameterSpec> decoder_parameters(const ModelConfig& config) {
  const std::int64_t width = config.hidden_size;
  const std::int64_t queries = config.num_heads * config.head_dim;
  const std::int64_t keys = config.num_kv_heads * config.head_dim;
  const std::int64_t ffn = config.ffn_size;
  std::vector<ParameterSpec> specs;
  specs.push_back({"model.embed_tokens.weight", {config.vocab_size, width}});
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    const std::string attention = layer_prefix(i) + "self_attn.";
    const std::string mlp = layer_prefix(i) + "mlp.";
    specs.push_back({attention + "q_proj.weight", {queries, width}});
    specs.push_back({attention + "k_proj.weight", {keys, width}, true, true});
    specs.push_back({attention + "v_proj.weight", {keys, width}, true, true});
    specs.push_back({attention + "o_proj.weight", {width, queries}});
    specs.push_back({mlp + "gate_proj.weight", {ffn, width}});
    specs.push_back({mlp + "up_proj.weight", {ffn, width}, true, true});
    specs.push_back({mlp + "down_proj.weight", {width, ffn}});
    specs.push_back({layer_prefix(i) + "input_layernorm.weight", {width}, false});
    specs.push_back({layer_prefix(i) + "post_attention_layernorm.weight", {width}, false});
    if (config.has_qk_norm()) {
      specs.push_back({attention + "q_norm.weight", {config.head_dim}, false});
      specs.push_back({attention + "k_norm.weight", {config.head_dim}, false});
    }
  }
  if (!config.tied()) specs.push_back({"lm_head.weight", {config.vocab_size, width}});
  specs.push_back({"model.norm.weight", {width}, false});
  return specs;
}

Decoder::Decoder(const ModelConfig& resolved, const FlatParameters& parameters,
                 const DecoderOptions& options)
    : config_(resolved), options_(options) {
  const auto bind = [&](const std::string& name) {
    return Weight{parameters.compute_view(name), parameters.gradient_view(name)};
  };
  const auto bind_joined = [&](const std::string& first, const std::string& last) {
    return Weight{parameters.joined_compute_view(first, last),
                  parameters.joined_gradient_view(first, last)};
  };
  embedding_ = bind("model.embed_tokens.weight");
  head_ = config_.tied() ? embedding_ : bind("lm_head.weight");
  last_norm_ = bind("model.norm.weight");
  for (std::int64_t i = 0; i < config_.num_layers; ++i) {
    const std::string attention = layer_prefix(i) + "self_attn.";
    const std::string mlp = layer_prefix(i) + "mlp.";
    Layer layer;
    layer.attention_norm = bind(layer_prefix(i) + "input_layernorm.weight");
    layer.qkv = bind_joined(attention + "q_proj.weight", attention + "v_proj.weight");
    if (config_.has_qk_norm()) {
      layer.query_norm = bind(attention + "q_norm.weight");
      layer.key_norm = bind(attention + "k_norm.weight");
    }
    layer.output = bind(attention + "o_proj.weight");
    layer.ffn_norm = bind(layer_prefix(i) + "post_attention_layernorm.weight");
    layer.gate_up = bind_joined(mlp + "gate_proj.weight", mlp + "up_proj.weight");
    layer.down = bind(mlp + "down_proj.weight");
    layers_.push_back(std::move(layer));
  }
  RotaryTable table = make_rotary_table(config_, parameters.master().device());
  cosines_ = std::move(table.cosines);
  sines_ = std::move(table.sines);
}

std::pair<at::Tensor, at::Tensor> Decoder::norm(const Weight& weight, const Residual& in,
                                                Gradients gradients) const {
  RECORD_USER_SCOPE("norm");
  auto [sum, normed] = ops::add_rms_norm_accumulate(
      in.sum, in.update, weight.value, config_.norm_eps, wanted(weight.gradient, gradients));
  return {std::move(sum), std::move(normed)};
}

std::pair<at::Tensor, at::Tensor> Decoder::normed_product(const char* name, const Weight& norm,
                                                          const Residual& in, const Weight& weight,
                                                          Gradients gradients) const {
  RECORD_USER_SCOPE(name);
  auto [sum, product] = ops::add_rms_norm_linear_accumulate(
      in.sum, in.update, {norm.value, config_.norm_eps, wanted(norm.gradient, gradients)},
      weight.value, wanted(weight.gradient, gradients));
  return {std::move(sum), std::move(product)};
}

at::Tensor Decoder::product(const char* name, const at::Tensor& x, const Weight& weight,
                            Gradients gradients) {
  RECORD_USER_SCOPE(name);
  return ops::linear_accumulate(x, weight.value, wanted(weight.gradient, gradients));
}

at::Tensor Decoder::attention(const Layer& layer, const at::Tensor& projected,
                              const Pass& pass) const {
  const Gradients gradients = pass.gradients;
  ops::HeadNorms norms;
  if (config_.has_qk_norm()) {
    norms = {layer.query_norm.value, layer.key_norm.value,
             wanted(layer.query_norm.gradient, gradients),
             wanted(layer.key_norm.gradient, gradients), config_.norm_eps};
  }
  const ops::HeadLayout layout{config_.num_heads, config_.num_kv_heads, config_.head_dim};
  const auto heads = part("rotary", [&] {
    return ops::rotary_heads_accumulate(
        projected.view({pass.rows, projected.size(0) / pass.rows, -1}), pass.angles, layout, norms);
  });
  const at::Tensor mixed = part("attention", [&] {
    return ops::causal_attention(std::get<0>(heads), std::get<1>(heads), std::get<2>(heads),
                                 pass.document_starts)
        .flatten(0, 1);
  });
  return product("o", mixed, layer.output, gradients);
}

Residual Decoder::after(const Layer& layer, const Residual& in, const Pass& pass) const {
  const Gradients gradients = pass.gradients;
  const auto [x, projected] = normed_product("qkv", layer.attention_norm, in, layer.qkv, gradients);
  const Residual middle{x, attention(layer, projected, pass)};
  const auto [y, gate_up] =
      normed_product("gate_up", layer.ffn_norm, middle, layer.gate_up, gradients);
  RECORD_USER_SCOPE("down");
  return {y, ops::swiglu_linear_accumulate(gate_up, layer.down.value,
                                           wanted(layer.down.gradient, gradients))};
}

Decoder::Pass Decoder::begin(const DecoderInput& input, Gradients gradients) const {
  const std::int64_t length = input.ids.size(1);
  Pass pass;
  pass.rows = input.ids.size(0);
  pass.gradients = gradients;
  pass.angles = {cosines_.narrow(0, 0, length), sines_.narrow(0, 0, length)};
  const at::Tensor& starts = input.document_starts;
  if (!starts.defined()) return pass;
  TORCH_CHECK_VALUE(starts.sizes() == at::IntArrayRef({pass.rows, length}),
                    "decoder: document_starts must be [", pass.rows, ", ", length, "], got ",
                    starts.sizes());
  if (options_.reset_attention) pass.document_starts = starts;
  if (options_.reset_positions) {
    const at::Tensor places = at::arange(length, starts.options()).sub(starts).flatten();
    const auto of_each = [&](const at::Tensor& table) {
      return table.index_select(0, places).view({pass.rows, length, -1});
    };
    pass.angles = {of_each(cosines_), of_each(sines_)};
  }
  return pass;
}

at::Tensor Decoder::hidden(const DecoderInput& input, Gradients gradients) const {
  const at::Tensor& ids = input.ids;
  TORCH_CHECK_VALUE(ids.dim() == 3 && ids.numel() > 0,
                    "decoder: ids must be [rows, positions, bag] and not empty, got ", ids.sizes());
  TORCH_CHECK_VALUE(ids.size(1) <= config_.max_positions,
                    "decoder: rows must have at most model.max_positions = ", config_.max_positions,
                    " positions, got ", ids.size(1));
  const c10::AutoGradMode grad_mode(gradients == Gradients::kAccumulate);
  const Pass pass = begin(input, gradients);

  Residual stream;
  stream.sum = part("embedding", [&] {
    return ops::bag_embedding_accumulate(embedding_.value, ids,
                                         wanted(embedding_.gradient, gradients))
        .view({pass.rows * ids.size(1), config_.hidden_size});
  });
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    // By value: a layer that is recomputed in backward outlives this call.
    const auto layer = [this, i, pass](const Residual& in) { return after(layers_[i], in, pass); };
    const auto every = static_cast<std::size_t>(options_.recompute_every);
    const bool recomputes =
        gradients == Gradients::kAccumulate && every > 0 && (i + 1) % every == 0;
    stream = recomputes ? recomputed(layer, stream) : layer(stream);
  }
  return norm(last_norm_, stream, gradients).second;
}

at::Tensor Decoder::loss(const DecoderInput& input, const at::Tensor& targets,
                         const at::Tensor& coefficients, Gradients gradients) const {
  const at::Tensor& ids = input.ids;
  TORCH_CHECK_VALUE(
      targets.dim() == 3 && targets.size(0) == ids.size(0) && targets.size(1) == ids.size(1),
      "decoder: targets must be [rows, positions, target bag] of ids ", ids.sizes(), ", got ",
      targets.sizes());
  const at::Tensor states = hidden(input, gradients);
  const c10::AutoGradMode grad_mode(gradients == Gradients::kAccumulate);
  RECORD_USER_SCOPE("head and loss");
  return ops::multi_hot_linear_cross_entropy_accumulate(
      states, head_.value, targets.flatten(0, 1), coefficients, wanted(head_.gradient, gradients),
      {.z_loss = gradients == Gradients::kAccumulate ? options_.z_loss : 0});
}

at::Tensor Decoder::token_losses(const DecoderInput& input, const at::Tensor& targets) const {
  TORCH_CHECK_VALUE(targets.dim() == 2 && targets.size(0) == input.ids.size(0) &&
                        targets.size(1) == input.ids.size(1),
                    "decoder: targets must be [rows, positions] of ids ", input.ids.sizes(),
                    ", got ", targets.sizes());
  // In f32 also where the decoder computes in bf16: rounded logits would blur what is compared.
  const at::Tensor states = hidden(input, Gradients::kNone).to(at::kFloat);
  const at::Tensor head = head_.value.to(at::kFloat).t();
  const at::Tensor flat = targets.reshape({-1, 1});
  const at::Tensor ignored = flat.eq(-100);
  const at::Tensor ids = flat.masked_fill(ignored, 0);
  const at::Tensor losses = at::empty({flat.size(0), 1}, states.options());
  const std::int64_t block = std::max<std::int64_t>(1, kLogitsAtOnce / config_.vocab_size);
  for (std::int64_t begin = 0; begin < flat.size(0); begin += block) {
    const std::int64_t count = std::min(block, flat.size(0) - begin);
    const at::Tensor logits = at::mm(states.narrow(0, begin, count), head);
    losses.narrow(0, begin, count)
        .copy_(at::logsumexp(logits, 1, /*keepdim=*/true) -
               logits.gather(1, ids.narrow(0, begin, count)));
  }
  return losses.masked_fill(ignored, 0).view_as(targets);
}

at::Tensor Decoder::logits(const DecoderInput& input) const {
  const at::Tensor& ids = input.ids;
  const at::Tensor states = hidden(input, Gradients::kNone);
  return at::mm(states, head_.value.t())
      .to(at::kFloat)
      .view({ids.size(0), ids.size(1), config_.vocab_size});
}

}  // namespace superpose::model
