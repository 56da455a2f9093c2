// The measurement of `superpose bench`: timed blocks of the cases, interleaved, then where a step's
// time goes.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/session.h"

namespace superpose::bench {

struct MeasureOptions {
  std::int64_t num_blocks = 7;  // timed blocks of each case, >= 1
  double block_seconds = 1;     // a block has as many steps as fill this, one at least
};

struct Spread {
  double median = 0, lowest = 0, highest = 0;
};

// Median (the mean of the middle two) and extremes. `values` is not empty.
Spread spread_of(std::vector<double> values);

struct CaseResult {
  Case which;
  std::int64_t block_steps = 0;
  std::vector<double> step_seconds;  // of each block: its time over its steps
  std::vector<double> first_losses;  // of the first steps from the initial weights
  Spread step;                       // seconds
  Spread ratio;                      // step time to case 0 in the same round
  std::vector<PartTimes> parts;      // mean seconds of a recorded step
};

struct Result {
  double first_step_seconds = 0;  // from the start of the process to the end of its first step
  std::int64_t peak_memory_bytes = 0;
  std::vector<double> ceilings;  // FLOP/s, one per round
  Spread ceiling;
  std::vector<CaseResult> cases;  // next-token prediction first
};

// Steps that each case takes from the initial weights before anything is timed: they warm up, and
// their losses can be compared with another program's.
inline constexpr std::int64_t kFirstSteps = 3;

Result measure(Session& session, const MeasureOptions& options);

}  // namespace superpose::bench
