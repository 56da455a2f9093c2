// A mixture of experts on the residual stream, as Qwen3-MoE has it.
//
//   p  = softmax(router(norm(x)))                     over all E experts, in f32
//   x += sum over the k experts e with the largest p of share_e * expert_e(norm(x))
//
// share_e is p_e, divided by the sum of the k where MoeConfig::normalize_shares says so. Of equal p
// the lower expert is taken. An expert is the feed-forward of mlp_block.h with a width of its own.
// No position is dropped. The router is computed in f32 whatever the compute type.
#pragma once

#include "model/block.h"

namespace superpose::model {

extern const BlockKind kMoe;

}  // namespace superpose::model
