// Angles of rotary position embedding (Su et al. 2021, section 3.4.2), as Hugging Face lays them
// out.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/model_config.h"

namespace superpose::model {

// head_dim / 2 radians per position: theta^(-2i / head_dim). With kLlama3 scaling, a frequency f of
// wavelength w = 2 pi / f becomes, with old = original_max_positions:
//
//   f                          where w < old / high
//   f / factor                 where w > old / low
//   t f + (1 - t) f / factor   between the two, with t = (old / w - low) / (high - low)
std::vector<double> rotary_frequencies(const ModelConfig& config);

// Cosines and sines of position * frequency, each [max_positions, head_dim / 2] f32. The angle is
// rounded to f32 before, as the reference implementations do: at large positions another rounding
// would be visible.
struct RotaryTable {
  at::Tensor cosines, sines;
};
RotaryTable make_rotary_table(const ModelConfig& config, at::Device device);

}  // namespace superpose::model
