// The gated feed-forward layer (SwiGLU; Shazeer 2020, arXiv 2002.05202) on the residual stream.
//
//   x += down(silu(gate(n)) * up(n))   with n = norm(x)
//
// F ffn_size.
#pragma once

#include "model/block.h"

namespace superpose::model {

extern const BlockKind kMlp;

}  // namespace superpose::model
