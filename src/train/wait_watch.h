// Says once when a run waits for its data.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "metrics/records.h"

namespace superpose::train {

// Share of the steps' time that waiting may take before the log speaks.
inline constexpr double kWaitLimit = 0.05;

// Looks at the shortest range of the newest step records that is long enough to mean something:
// five records and ten seconds. The time before the first record, in which a loader starts, does
// not count.
class WaitWatch {
 public:
  // The warning, the first time that waiting took more than kWaitLimit of such a range.
  std::optional<std::string> add(const metrics::StepRecord& record);

 private:
  struct Point {
    double seconds = 0;
    double wait_seconds = 0;
  };
  std::deque<Point> points_;
  bool has_warned_ = false;
};

}  // namespace superpose::train
