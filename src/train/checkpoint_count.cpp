#include "train/checkpoint_count.h"

#include <algorithm>

namespace superpose::train {

CheckpointCount count_checkpoints(const CheckpointConfig& config,
                                  std::span<const superposition::Phase> phases, std::int64_t first,
                                  std::int64_t last, std::span<const std::int64_t> pinned,
                                  std::int64_t there) {
  if (last <= first) return {there, there};
  std::vector<std::int64_t> steps = {last};
  if (config.every > 0) {
    for (std::int64_t step = (first / config.every + 1) * config.every; step < last;
         step += config.every) {
      steps.push_back(step);
    }
  }
  for (const superposition::Phase& phase : phases) {
    const std::int64_t end = phase.end_step();
    if (config.at_switch && end > first && end < last) steps.push_back(end);
  }
  for (const std::int64_t step : pinned) {
    if (step >= first && step <= last) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());

  CheckpointCount count{there, there};
  std::int64_t passing = there;
  std::int64_t num_pinned = 0;
  for (const std::int64_t step : steps) {
    const bool is_pinned = std::find(pinned.begin(), pinned.end(), step) != pinned.end();
    ++(is_pinned ? num_pinned : passing);
    count.at_once = std::max(count.at_once, num_pinned + passing);
    if (config.keep > 0) passing = std::min(passing, config.keep);
  }
  count.kept = num_pinned + passing;
  return count;
}

}  // namespace superpose::train
