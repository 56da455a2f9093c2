// Learning rate as a function of the step: no state.
#pragma once

#include <cstdint>

#include "optim/optim_config.h"

namespace superpose::optim {

// Steps of the decay at the end of `total_steps`: total - floor((1 - decay_share) * total + 1e-9);
// 0 unless the schedule is wsd.
std::int64_t decay_steps(const OptimConfig& config, std::int64_t total_steps);

// Rate of `step` (from 0). With t = step + 1, N = total_steps, W = warmup_steps, D = decay_steps
// and f = final_ratio:
//
//   rate = learning_rate * min(warm, shape)
//
//   warm               min(1, t / W); 1 where W = 0
//   shape, constant    1
//   shape, wsd         1 outside the decay; in it, with x = (N + 1 - t) / D, from 1 down to 1 / D:
//     linear             f + (1 - f) x
//     one_minus_sqrt     f + (1 - f) (1 - sqrt(1 - x))
//   shape, cosine      f + (1 - f) (1 + cos(pi p)) / 2, with p = max(0, t - W) / (N + 1 - W)
//
// The first step moves already; the first step of the decay still has the full rate; the line would
// reach f at the step after the last. Throws util::Error unless 0 <= step < total_steps.
double learning_rate_at(const OptimConfig& config, std::int64_t step, std::int64_t total_steps);

// The highest rate of all steps as a share of learning_rate: below 1 where the warm-up is longer
// than the run, or reaches into the decay. total_steps >= 1.
double highest_rate_share(const OptimConfig& config, std::int64_t total_steps);

}  // namespace superpose::optim
