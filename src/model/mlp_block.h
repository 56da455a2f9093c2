// The gated feed-forward layer (SwiGLU; Shazeer 2020, arXiv 2002.05202) on the residual stream.
//
//   x += down(silu(gate(n)) * up(n))   with n = norm(x)
//
// F ffn_size.
#pragma once

#include <string>
#include <vector>

#include "model/block.h"

namespace superpose::model {

// `prefix` of the layer's names, such as "model.layers.3.".
BlockSpec mlp_spec(const ModelConfig& config, const std::string& prefix);
std::vector<StepPart> mlp_parts(const ModelConfig& config, const StepShape& shape);

class MlpBlock : public Block {
 public:
  MlpBlock(const ModelConfig& config, const std::string& prefix, const FlatParameters& parameters);
  Residual forward(const Residual& in, const Pass& pass) const override;

 private:
  double norm_eps_;
  Weight norm_, gate_up_, down_;
};

}  // namespace superpose::model
