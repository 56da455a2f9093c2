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
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());

  std::int64_t num_pinned = 0;
  std::int64_t passing = there + static_cast<std::int64_t>(steps.size());
  for (const std::int64_t step : pinned) {
    if (step < first || step > last) continue;
    ++num_pinned;
    if (std::binary_search(steps.begin(), steps.end(), step)) --passing;
  }
  if (config.keep == 0) return {num_pinned + passing, num_pinned + passing};
  return {num_pinned + std::min(passing, config.keep),
          num_pinned + std::min(passing, config.keep + 1)};
}

}  // namespace superpose::train
