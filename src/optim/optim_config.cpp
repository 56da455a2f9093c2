#include "optim/optim_config.h"

#include <cmath>

#include "util/error.h"

namespace superpose::optim {

void OptimConfig::validate() const {
  util::require(learning_rate > 0 && std::isfinite(learning_rate),
                "optim.learning_rate: must be > 0, got ", learning_rate);
  util::require(beta1 >= 0 && beta1 < 1, "optim.beta1: must lie in [0, 1), got ", beta1);
  util::require(beta2 >= 0 && beta2 < 1, "optim.beta2: must lie in [0, 1), got ", beta2);
  util::require(eps > 0 && std::isfinite(eps), "optim.eps: must be > 0, got ", eps);
  util::require(weight_decay >= 0 && std::isfinite(weight_decay),
                "optim.weight_decay: must be >= 0, got ", weight_decay);
  util::require(clip_norm >= 0, "optim.clip_norm: must be >= 0 (0 = no clipping), got ", clip_norm);
  util::require(z_loss >= 0 && std::isfinite(z_loss), "optim.z_loss: must be >= 0, got ", z_loss);
  util::require(warmup_steps >= 0, "optim.warmup_steps: must be >= 0, got ", warmup_steps);
  util::require(decay_share >= 0 && decay_share <= 1, "optim.decay_share: must lie in [0, 1], got ",
                decay_share);
  util::require(final_ratio >= 0 && final_ratio <= 1, "optim.final_ratio: must lie in [0, 1], got ",
                final_ratio);
}

}  // namespace superpose::optim
