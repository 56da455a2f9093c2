#include "train/wait_watch.h"

#include <cstdio>

namespace superpose::train {
namespace {

constexpr std::size_t kRecords = 5;
constexpr double kSeconds = 10;

std::string warning(double share, double seconds) {
  char numbers[96];
  std::snprintf(numbers, sizeof numbers, "%.1f %% of the last %.0f s was spent waiting for data",
                100 * share, seconds);
  return std::string(numbers) +
         ". If this lasts beyond the first minutes (cold page cache), run superpose data prepare "
         "first, raise data.prefetch, or lower train.threads to leave a core for the loader";
}

}  // namespace

std::optional<std::string> WaitWatch::add(const metrics::StepRecord& record) {
  if (has_warned_) return std::nullopt;
  points_.push_back({record.seconds, record.wait_seconds});
  // The range from the second point on is still long enough: the first is not needed.
  while (points_.size() > kRecords + 1 && record.seconds - points_[1].seconds >= kSeconds) {
    points_.pop_front();
  }
  const double seconds = record.seconds - points_.front().seconds;
  if (points_.size() <= kRecords || seconds < kSeconds) return std::nullopt;
  const double share = (record.wait_seconds - points_.front().wait_seconds) / seconds;
  if (share <= kWaitLimit) return std::nullopt;
  has_warned_ = true;
  return warning(share, seconds);
}

}  // namespace superpose::train
