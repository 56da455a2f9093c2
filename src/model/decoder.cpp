#include "model/decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <utility>

#include "model/key_value_cache.h"
#include "model/rotary_table.h"

// B rows, L positions, N = B * L, D hidden_size.

namespace superpose::model {
namespace {

// Those of layers that do not rotate, like `angles`; undefined where every layer does.
ops::RotaryAngles unrotated(const ModelConfig& config, const ops::RotaryAngles& angles) {
  if (config.no_rope_interval == 0) return {};
  return {at::ones_like(angles.cosines), at::zeros_like(angles.sines)};
}

}  // namespace

Decoder::Decoder(const ModelConfig& resolved, const FlatParameters& parameters,
                 const DecoderOptions& options)
    : config_(resolved),
      options_(options),
      embedding_(parameters),
      head_(resolved, parameters, embedding_.table()) {
  TORCH_CHECK_VALUE(!options.balance.is_on() || options.positions_per_step > 0,
                    "decoder: positions_per_step must be > 0 with a balance of experts, got ",
                    options.positions_per_step);
  for (std::int64_t i = 0; i < config_.num_layers; ++i) {
    layers_.push_back(make_layer(config_, i, parameters));
  }
  RotaryTable table = make_rotary_table(config_, parameters.master().device());
  cosines_ = std::move(table.cosines);
  sines_ = std::move(table.sines);
}

Pass Decoder::begin(const DecoderInput& input, Gradients gradients) const {
  const std::int64_t length = input.ids.size(1);
  Pass pass;
  pass.rows = input.ids.size(0);
  pass.gradients = gradients;
  if (options_.balance.is_on()) {
    const auto positions = static_cast<double>(
        input.positions_per_step > 0 ? input.positions_per_step : options_.positions_per_step);
    pass.router_losses = {options_.balance.weight / positions, options_.balance.z_loss / positions,
                          options_.balance.scope};
  }
  pass.angles = {cosines_.narrow(0, 0, length), sines_.narrow(0, 0, length)};
  pass.no_angles = unrotated(config_, pass.angles);
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

  Residual stream{embedding_.forward(ids, gradients), {}};
  const auto every = static_cast<std::size_t>(options_.recompute_every);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    // By value: a layer that is recomputed in backward outlives this call.
    const auto run_layer = [&blocks = layers_[i], pass](Residual in) {
      for (const std::unique_ptr<Block>& block : blocks) in = block->forward(in, pass);
      return in;
    };
    const bool recomputes =
        gradients == Gradients::kAccumulate && every > 0 && (i + 1) % every == 0;
    stream = recomputes ? recomputed(run_layer, stream) : run_layer(stream);
  }
  return head_.states(stream, gradients);
}

at::Tensor Decoder::loss(const DecoderInput& input, const at::Tensor& targets,
                         const at::Tensor& coefficients, Gradients gradients,
                         const Objective& objective) const {
  const at::Tensor& ids = input.ids;
  TORCH_CHECK_VALUE(
      targets.dim() == 3 && targets.size(0) == ids.size(0) && targets.size(1) == ids.size(1),
      "decoder: targets must be [rows, positions, target bag] of ids ", ids.sizes(), ", got ",
      targets.sizes());
  const at::Tensor states = hidden(input, gradients);
  const c10::AutoGradMode grad_mode(gradients == Gradients::kAccumulate);
  return head_.loss(states, targets.flatten(0, 1), coefficients, options_.z_loss, gradients,
                    objective);
}

at::Tensor Decoder::token_losses(const DecoderInput& input, const at::Tensor& targets) const {
  TORCH_CHECK_VALUE(targets.dim() == 2 && targets.size(0) == input.ids.size(0) &&
                        targets.size(1) == input.ids.size(1),
                    "decoder: targets must be [rows, positions] of ids ", input.ids.sizes(),
                    ", got ", targets.sizes());
  return head_.token_losses(hidden(input, Gradients::kNone), targets.flatten()).view_as(targets);
}

Pass Decoder::continuation(const Continued& continued, std::int64_t length) const {
  const at::Tensor& starts = continued.starts;
  const at::Tensor positions =
      starts.unsqueeze(1).add(at::arange(length, starts.options())).flatten();
  const auto of_each = [&](const at::Tensor& table) {
    return table.index_select(0, positions).view({starts.size(0), length, -1});
  };
  Pass pass;
  pass.rows = starts.size(0);
  pass.angles = {of_each(cosines_), of_each(sines_)};
  pass.no_angles = unrotated(config_, pass.angles);
  pass.continued = &continued;
  return pass;
}

KeyValueCache Decoder::make_cache(std::int64_t num_slots, std::int64_t capacity) const {
  return {config_, num_slots, capacity, head_.options()};
}

at::Tensor Decoder::extend(const at::Tensor& ids, const std::vector<std::int64_t>& slots,
                           KeyValueCache& cache, ops::RowWay way) const {
  const auto rows = static_cast<std::int64_t>(slots.size());
  TORCH_CHECK_VALUE(ids.dim() == 2 && ids.numel() > 0 && ids.size(0) == rows,
                    "decoder: ids must be [", rows, ", positions] and not empty, got ",
                    ids.sizes());
  const std::int64_t length = ids.size(1);
  std::vector<std::int64_t> starts;
  for (const std::int64_t slot : slots) {
    starts.push_back(cache.length(slot));
    TORCH_CHECK_VALUE(starts.back() + length <= cache.capacity(),
                      "decoder: a sequence must have at most ", cache.capacity(),
                      " positions, got ", starts.back(), " and ", length, " more");
  }
  const c10::AutoGradMode no_grad(false);
  const ops::RowByRow row_by_row(way);
  Continued continued{cache.layers_,
                      at::tensor(slots, at::kLong).to(device()),
                      at::tensor(starts, at::kLong).to(device()),
                      {}};
  // What no row holds goes through no product.
  const at::Tensor held = ids.flatten().ge(0).nonzero().flatten();
  const bool holds_all = held.numel() == ids.numel();
  if (!holds_all) continued.held = held;
  Pass pass = continuation(continued, length);
  if (!holds_all) pass.rows = 1;
  const at::Tensor read = holds_all ? ids : ids.flatten().index_select(0, held).unsqueeze(0);
  Residual stream{embedding_.forward(read.unsqueeze(2), Gradients::kNone), {}};
  for (const Layer& layer : layers_) {
    for (const std::unique_ptr<Block>& block : layer) stream = block->forward(stream, pass);
  }
  const at::Tensor states = head_.states(stream, Gradients::kNone);
  for (const std::int64_t slot : slots) cache.lengths_[static_cast<std::size_t>(slot)] += length;
  if (holds_all) return states.view({rows, length, config_.hidden_size});
  return at::zeros({rows * length, config_.hidden_size}, states.options())
      .index_copy_(0, held, states)
      .view({rows, length, config_.hidden_size});
}

at::Tensor Decoder::logits_of(const at::Tensor& states) const {
  const c10::AutoGradMode no_grad(false);
  const ops::RowByRow row_by_row;
  return head_.logits(states);
}

TokenScores Decoder::scores_of(const at::Tensor& states, const at::Tensor& ids) const {
  const c10::AutoGradMode no_grad(false);
  return head_.token_scores(states, ids);
}

at::Tensor Decoder::logits(const DecoderInput& input) const {
  const at::Tensor& ids = input.ids;
  return head_.logits(hidden(input, Gradients::kNone))
      .view({ids.size(0), ids.size(1), config_.vocab_size});
}

}  // namespace superpose::model
