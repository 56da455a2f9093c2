#include "train/wait_watch.h"

#include "util/text.h"

namespace superpose::train {
namespace {

constexpr std::size_t kRecords = 5;
constexpr double kSeconds = 10;

std::string warning(double share, double seconds) {
  return util::fixed(100 * share, 1) + " % of the last " + util::fixed(seconds, 0) +
         " s was spent waiting for data. If this lasts beyond the first minutes (cold page cache), "
         "run superpose data prepare first, raise data.prefetch, or lower train.threads to leave a "
         "core for the loader";
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
