#include "train/checkpoint_count.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace superpose::train {
namespace {

using superposition::Phase;

std::vector<Phase> phases_of(std::int64_t switch_step, std::int64_t total) {
  if (switch_step == 0) return {{.first_step = 0, .num_steps = total}};
  return {{.first_step = 0, .num_steps = switch_step, .bags = {4, 4}},
          {.first_step = switch_step, .num_steps = total - switch_step}};
}

TEST(CheckpointCount, ByHand) {
  CheckpointConfig config{.every = 30, .keep = 0, .at_switch = true};
  // After 30, 40, 60, 90 and 100 steps.
  const CheckpointCount all = count_checkpoints(config, phases_of(40, 100), 0, 100, {});
  EXPECT_EQ(all.kept, 5);
  EXPECT_EQ(all.at_once, 5);
  config.keep = 2;
  const CheckpointCount two = count_checkpoints(config, phases_of(40, 100), 0, 100, {});
  EXPECT_EQ(two.kept, 2);
  EXPECT_EQ(two.at_once, 3) << "the one that is being written";
  config.every = 0;
  config.at_switch = false;
  const CheckpointCount last = count_checkpoints(config, phases_of(40, 100), 0, 100, {});
  EXPECT_EQ(last.kept, 1);
  EXPECT_EQ(last.at_once, 1);
  const CheckpointCount none = count_checkpoints(config, phases_of(40, 100), 100, 100, {}, 2);
  EXPECT_EQ(none.at_once, 2) << "nothing is written";
}

// What the training loop does, step by step.
CheckpointCount simulate(const CheckpointConfig& config, const std::vector<Phase>& phases,
                         std::int64_t first, std::int64_t last,
                         const std::vector<std::int64_t>& pinned, std::int64_t there) {
  std::int64_t unpinned = there;
  std::int64_t num_pinned = 0;
  CheckpointCount count{there, there};
  for (std::int64_t step = first; step <= last; ++step) {
    const bool is_pinned = std::count(pinned.begin(), pinned.end(), step) > 0;
    const bool ends_phase = std::any_of(phases.begin(), phases.end(), [step](const Phase& phase) {
      return phase.end_step() == step;
    });
    const bool is_due = step > first && (step == last || (config.at_switch && ends_phase) ||
                                         (config.every > 0 && step % config.every == 0));
    if (!is_pinned && !is_due) continue;
    ++(is_pinned ? num_pinned : unpinned);
    count.at_once = std::max(count.at_once, num_pinned + unpinned);
    if (config.keep > 0) unpinned = std::min(unpinned, config.keep);
  }
  count.kept = num_pinned + unpinned;
  return count;
}

TEST(CheckpointCount, IsWhatTheLoopDoes) {
  for (const std::int64_t every : {0, 1, 7, 20, 60}) {
    for (const std::int64_t keep : {0, 1, 3, 50}) {
      for (const bool at_switch : {false, true}) {
        for (const std::int64_t switch_step : {0, 14, 25}) {
          for (const std::vector<std::int64_t>& pinned :
               {std::vector<std::int64_t>{}, {0}, {14, 31}, {20, 40}}) {
            const CheckpointConfig config{.every = every, .keep = keep, .at_switch = at_switch};
            const std::vector<Phase> phases = phases_of(switch_step, 40);
            for (const std::int64_t first : {0, 14, 39}) {
              // A resumed run has no more than it keeps.
              for (const std::int64_t there : {0, 1}) {
                const CheckpointCount got =
                    count_checkpoints(config, phases, first, 40, pinned, there);
                const CheckpointCount want = simulate(config, phases, first, 40, pinned, there);
                EXPECT_EQ(got.kept, want.kept) << every << ' ' << keep << ' ' << at_switch << ' '
                                               << switch_step << ' ' << first;
                EXPECT_EQ(got.at_once, want.at_once) << every << ' ' << keep << ' ' << at_switch
                                                     << ' ' << switch_step << ' ' << first;
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace superpose::train
