#include "experiment/estimate.h"

namespace superpose::experiment {
namespace {

// A measurement of less than this is start-up more than speed.
constexpr double kShortestMeasurement = 1.0;

// The arm's own, or that of any.
template <class Map>
auto nearest(const Map& by_arm, std::size_t arm) {
  const auto own = by_arm.find(arm);
  return own != by_arm.end() ? own : by_arm.begin();
}

}  // namespace

void TimeEstimate::add_measured(std::size_t arm, double flops, double seconds) {
  if (flops <= 0 || seconds < kShortestMeasurement) return;
  Measured& sum = measured_[arm];
  sum.flops += flops;
  sum.seconds += seconds;
}

void TimeEstimate::set_speed(std::size_t arm, const train::Speed& speed) { speeds_[arm] = speed; }

std::optional<double> TimeEstimate::seconds(std::size_t arm, double flops) const {
  if (const auto run = nearest(measured_, arm); run != measured_.end()) {
    return flops * run->second.seconds / run->second.flops;
  }
  if (const auto speed = nearest(speeds_, arm); speed != speeds_.end()) {
    return flops / speed->second.flops_per_second;
  }
  return std::nullopt;
}

std::string TimeEstimate::source() const {
  if (has_measured()) return "from the speed of the runs so far";
  return speeds_.empty() ? "" : train::describe(speeds_.begin()->second.source);
}

}  // namespace superpose::experiment
