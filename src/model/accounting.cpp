#include "model/accounting.h"

#include <algorithm>

#include "ops/multi_hot_problem.h"

namespace superpose::model {
namespace {

// Logits of a block of rows.
std::int64_t head_scratch(const ModelConfig& config, std::int64_t positions, std::int64_t element) {
  return std::min(positions, ops::logit_block_rows(config.vocab_size)) * config.vocab_size *
         element;
}

}  // namespace

std::int64_t parameter_count(const ModelConfig& config) {
  const std::int64_t width = config.hidden_size;
  const std::int64_t heads = 2 * config.num_heads + 2 * config.num_kv_heads;
  const std::int64_t layer = 2 * width + width * config.head_dim * heads +
                             3 * width * config.ffn_size +
                             (config.has_qk_norm() ? 2 * config.head_dim : 0);
  const std::int64_t vocabulary = config.vocab_size * width;
  return vocabulary * (config.tied() ? 1 : 2) + width + config.num_layers * layer;
}

double flops_per_position(const ModelConfig& config, std::int64_t sequence_length) {
  const std::int64_t input_embedding = config.tied() ? 0 : config.vocab_size * config.hidden_size;
  const auto products = static_cast<double>(parameter_count(config) - input_embedding);
  const auto attention =
      static_cast<double>(config.num_layers * sequence_length * config.num_heads * config.head_dim);
  return 6 * (products + attention);
}

MemoryEstimate estimate_memory(const ModelConfig& config, const MemoryRequest& request) {
  const std::int64_t parameters = parameter_count(config);
  const std::int64_t positions = request.rows * request.sequence_length;
  const std::int64_t width = config.hidden_size;
  const std::int64_t heads = config.num_heads * config.head_dim;
  const std::int64_t kv_heads = config.num_kv_heads * config.head_dim;
  const std::int64_t element = request.bf16 ? 2 : 4;

  // Kept by a layer: two residual sums, q, k, v (before the norm too with qk_norm), the attention's
  // output, gate and up; in f32 two inverse norms and the attention's log-sum-exp.
  const std::int64_t projected = heads + 2 * kv_heads;
  const std::int64_t layer_elements =
      2 * width + projected * (config.has_qk_norm() ? 2 : 1) + heads + 2 * config.ffn_size;
  const std::int64_t layer_f32 = 2 + config.num_heads;
  const std::int64_t layer = layer_elements * element + layer_f32 * 4;
  // A recomputed layer keeps its input, and one of them at a time is there whole.
  const std::int64_t recomputed =
      request.recompute_every > 0 ? config.num_layers / request.recompute_every : 0;
  const std::int64_t layers =
      (config.num_layers - recomputed + std::min<std::int64_t>(1, recomputed)) * layer +
      recomputed * 2 * width * element;
  // Outside the layers: latent, last sum and norm, the head's gradient of it; ids and targets.
  const std::int64_t outside = 5 * width * element + 8 * (request.bag_size + request.target_size);
  // Gradients in flight while the last layer's backward runs, its activations still held.
  const std::int64_t in_flight = (3 * config.ffn_size + projected + 4 * width) * element;

  MemoryEstimate estimate;
  estimate.parameters = parameters * (request.bf16 ? 4 + 2 : 4);
  estimate.gradients = parameters * 4;
  estimate.optimizer = parameters * 8;
  estimate.activations =
      positions * (layers + in_flight + outside) + head_scratch(config, positions, element);
  return estimate;
}

}  // namespace superpose::model
