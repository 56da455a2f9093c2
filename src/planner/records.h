// What is known of superposition, by size of the model: runs of the paper and of this project. A
// plan quotes them; none is interpolated.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace superpose::planner {

struct Interval {
  double low = 0, high = 0;
};

// A pair of runs at equal compute.
struct Record {
  std::string_view name;
  bool is_ours = false;
  bool has_experts = false;
  double parameters = 0;
  std::int64_t steps = 0;
  std::int64_t batch_positions = 0;
  std::int64_t sequence_length = 0;
  std::int64_t bag_size = 1;  // s
  double share = 0;           // r, of the steps
  double learning_rate = 0;   // peak, of the superposed run
  double baseline_rate = 0;   // peak, without superposition
  std::int64_t warmup_steps = 0;
  double decay_share = 0;  // of the steps
  std::string_view schedule_source;
  // Loss of the baseline less that of superposition, nats per token; nothing where there is no such
  // pair. Behind where it is negative.
  std::optional<double> gain = std::nullopt;
  std::optional<Interval> interval = std::nullopt;  // 95 %, t
  std::int64_t seeds = 1;
  std::string_view gain_source;
  std::string_view remark = {};
  // Steps after the switch: with so many it ended behind (0: not seen), and after so many it had
  // caught up.
  std::int64_t behind_after = 0;
  std::int64_t level_after = 0;
  std::string_view recovery_source;
};

std::span<const Record> records();

// The record whose parameters are nearest by ratio, of those with experts or without; of equals the
// one with the nearest number of steps. `ours`: of this project's alone, else of the paper's alone;
// nothing: of all.
const Record* nearest(double parameters, bool has_experts, double steps,
                      std::optional<bool> ours = std::nullopt);

}  // namespace superpose::planner
