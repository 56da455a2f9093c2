// Causal self-attention on the residual stream, with grouped queries and rotary positions.
//
//   x += o(attention(rotate(q), rotate(k), v))   with q, k, v of norm(x)
//
// Where the configuration says so: biases of q, k and v (Qwen2), a norm of queries and keys before
// the rotation (Qwen3), layers that do not rotate (SmolLM3).
//
// H query heads, K key/value heads, h head_dim. Attention is causal over positions 0..L-1,
// whatever the bag size; scale h^-0.5.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/block.h"

namespace superpose::model {

// `prefix` of the layer's names, such as "model.layers.3.".
BlockSpec attention_spec(const ModelConfig& config, const std::string& prefix,
                         std::int64_t sequence_length);
std::vector<StepPart> attention_parts(const ModelConfig& config, const StepShape& shape);

class AttentionBlock : public Block {
 public:
  // `rotates`: ModelConfig::rotates() of its layer.
  AttentionBlock(const ModelConfig& config, const std::string& prefix, bool rotates,
                 const FlatParameters& parameters);
  Residual forward(const Residual& in, const Pass& pass) const override;

 private:
  // From queries, keys and values of all heads, as the product makes them, to the update.
  at::Tensor attend(const at::Tensor& projected, const Pass& pass) const;

  ModelConfig config_;
  bool rotates_;
  Weight norm_, qkv_, bias_, query_norm_, key_norm_, output_;
};

}  // namespace superpose::model
