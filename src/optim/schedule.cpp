#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "util/error.h"

namespace superpose::optim {
namespace {

double decayed(const OptimConfig& config, double t, double total, double decay) {
  const double x = (total + 1 - t) / decay;
  if (x >= 1) return 1;
  const double shape = config.decay_shape == DecayShape::kLinear ? x : 1 - std::sqrt(1 - x);
  return config.final_ratio + (1 - config.final_ratio) * shape;
}

double cosine(const OptimConfig& config, double t, double total) {
  const auto warmup = static_cast<double>(config.warmup_steps);
  if (t <= warmup) return 1;
  const double progress = (t - warmup) / (total + 1 - warmup);
  const double shape = (1 + std::cos(std::numbers::pi * progress)) / 2;
  return config.final_ratio + (1 - config.final_ratio) * shape;
}

}  // namespace

std::int64_t decay_steps(const OptimConfig& config, std::int64_t total_steps) {
  if (config.schedule != Schedule::kWarmupStableDecay) return 0;
  const double stable = (1 - config.decay_share) * static_cast<double>(total_steps);
  // A share that names a whole number of steps must get it although 0.1 has no exact binary form.
  constexpr double kSlack = 1e-9;
  return total_steps - static_cast<std::int64_t>(std::floor(stable + kSlack));
}

double learning_rate_at(const OptimConfig& config, std::int64_t step, std::int64_t total_steps) {
  util::require(0 <= step && step < total_steps, "learning_rate_at: step must lie in [0, ",
                total_steps, "), got ", step);
  const auto t = static_cast<double>(step + 1);
  const auto total = static_cast<double>(total_steps);
  const auto warmup = static_cast<double>(config.warmup_steps);
  const double warm = t < warmup ? t / warmup : 1;
  double shape = 1;
  switch (config.schedule) {
    case Schedule::kWarmupStableDecay: {
      const std::int64_t decay = decay_steps(config, total_steps);
      if (decay > 0) shape = decayed(config, t, total, static_cast<double>(decay));
      break;
    }
    case Schedule::kCosine:
      shape = cosine(config, t, total);
      break;
    case Schedule::kConstant:
      break;
  }
  return config.learning_rate * std::min(warm, shape);
}

double highest_rate_share(const OptimConfig& config, std::int64_t total_steps) {
  OptimConfig shares = config;
  shares.learning_rate = 1;
  // Rates rise, then fall, and never rise after the warm-up.
  std::int64_t step = std::clamp<std::int64_t>(config.warmup_steps, 1, total_steps) - 1;
  double highest = learning_rate_at(shares, step, total_steps);
  while (step > 0) {
    const double before = learning_rate_at(shares, --step, total_steps);
    if (before <= highest) break;
    highest = before;
  }
  return highest;
}

}  // namespace superpose::optim
