// Which experts each position goes to, and the order in which experts take their rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace superpose::ops {

// Legend: N positions, E experts, k experts of a position, P = N k pairs of a position and one of
// its experts.

// The k experts with the highest scores, by descending score; of equal scores the lower expert
// comes first. A score that is not a number comes last.
//
//   scores   [N, E] f32 or f64
//   returns  [N, k] int64; not differentiable
//
// Throws ValueError on a wrong shape, and for k outside [1, E].
at::Tensor top_experts(const at::Tensor& scores, std::int64_t k);

// The pairs sorted by expert, stably: packed row r belongs to pair pairs[r] = n k + j, the j-th
// expert of position n.
struct PackedPairs {
  at::Tensor positions;              // [P] int64: n of each packed row
  at::Tensor pairs;                  // [P] int64
  at::Tensor rows;                   // [N, k] int64: the packed row of each pair
  std::vector<std::int64_t> begins;  // [E + 1]: expert e has packed rows begins[e] .. begins[e + 1]
};

// `experts` [N, k] int64 in [0, num_experts). On a device other than the CPU it waits once, for the
// counts.
PackedPairs pack_by_expert(const at::Tensor& experts, std::int64_t num_experts);

}  // namespace superpose::ops
