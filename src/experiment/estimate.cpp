#include "experiment/estimate.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <chrono>
#include <limits>

namespace superpose::experiment {
namespace {

// A training step's speed as a share of that of large f32 products. The demo's steps reach about
// this much on two cores; tiny models reach far less, and bf16 a few times more, so that no
// constant is near for all: source() says so.
constexpr double kShareOfProductSpeed = 0.6;
// A measurement of less than this is start-up more than speed.
constexpr double kShortestMeasurement = 1.0;

}  // namespace

void TimeEstimate::add_measured(std::size_t arm, double flops, double seconds) {
  if (flops <= 0 || seconds < kShortestMeasurement) return;
  Measured& sum = measured_[arm];
  sum.flops += flops;
  sum.seconds += seconds;
}

void TimeEstimate::set_product_speed(double flops_per_second) { product_speed_ = flops_per_second; }

std::optional<double> TimeEstimate::seconds(std::size_t arm, double flops) const {
  const auto own = measured_.find(arm);
  const auto any = own != measured_.end() ? own : measured_.begin();
  if (any != measured_.end()) return flops * any->second.seconds / any->second.flops;
  if (product_speed_) return flops / (*product_speed_ * kShareOfProductSpeed);
  return std::nullopt;
}

std::string TimeEstimate::source() const {
  if (has_measured()) return "from the speed of the runs so far";
  return "a rough guess from the speed of matrix products here: it may take a third as long, or "
         "three times";
}

double measure_product_speed() {
  constexpr std::int64_t kSide = 768;
  constexpr double kFlopsEach = 2.0 * kSide * kSide * kSide;
  constexpr double kSeconds = 0.2;
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  const at::Tensor a = at::ones({kSide, kSide});
  at::mm(a, a);  // the first call plans and allocates
  // The fastest one: other processes only ever add time.
  double fastest = std::numeric_limits<double>::infinity();
  for (const auto begin = Clock::now(); seconds_since(begin) < kSeconds;) {
    const auto now = Clock::now();
    at::mm(a, a);
    fastest = std::min(fastest, seconds_since(now));
  }
  return kFlopsEach / fastest;
}

}  // namespace superpose::experiment
