#include "optim/optim_config.h"

#include <cmath>

#include "util/error.h"
#include "util/f32.h"

namespace superpose::optim {

void OptimConfig::validate() const {
  // Steps are computed in f32.
  util::require(util::is_normal_f32(learning_rate),
                "optim.learning_rate: must be > 0 and a normal number in f32, got ", learning_rate);
  util::require(beta1 >= 0 && beta1 < 1, "optim.beta1: must lie in [0, 1), got ", beta1);
  util::require(beta2 >= 0 && beta2 < 1, "optim.beta2: must lie in [0, 1), got ", beta2);
  util::require(util::is_normal_f32(eps), "optim.eps: must be > 0 and a normal number in f32, got ",
                eps);
  util::require(weight_decay >= 0 && std::isfinite(weight_decay),
                "optim.weight_decay: must be >= 0 and finite, got ", weight_decay);
  util::require(clip_norm == 0 || util::is_normal_f32(clip_norm),
                "optim.clip_norm: must be > 0 and a normal number in f32, or 0 (no clipping), got ",
                clip_norm);
  // The loss takes it, and its inverse, as f32.
  util::require(z_loss == 0 || (util::is_normal_f32(z_loss) && util::is_normal_f32(1 / z_loss)),
                "optim.z_loss: must be 0 (off), or > 0 and a normal number in f32, got ", z_loss);
  util::require(muon_momentum >= 0 && muon_momentum < 1,
                "optim.muon_momentum: must lie in [0, 1), got ", muon_momentum);
  util::require(warmup_steps >= 0, "optim.warmup_steps: must be >= 0, got ", warmup_steps);
  util::require(decay_share >= 0 && decay_share <= 1, "optim.decay_share: must lie in [0, 1], got ",
                decay_share);
  util::require(final_ratio >= 0 && final_ratio <= 1, "optim.final_ratio: must lie in [0, 1], got ",
                final_ratio);
}

}  // namespace superpose::optim
