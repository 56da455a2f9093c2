// Quantiles, intervals and interpolation of curves: all the statistics that the report uses.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace superpose::report {

// Quantile of Student's t distribution, p in (0, 1), degrees >= 1; relative error below 1e-9.
// Throws util::Error outside.
double student_t_quantile(double p, double degrees);

// Quantile of the chi-square distribution: P(X <= x) = p. Range, precision and errors as above.
double chi_square_quantile(double p, double degrees);

// Mean of independent values with the two-sided 95 % t interval. Under three values there is no
// interval: two points carry one degree of freedom (t = 12.7), and an interval from that reads as
// knowledge that nobody has.
struct Interval {
  std::int64_t count = 0;
  double mean = 0;
  std::optional<double> low;
  std::optional<double> high;
};
inline constexpr std::int64_t kFewestSeeds = 3;
inline constexpr double kConfidence = 0.95;
Interval mean_interval(std::span<const double> values);

// Where the mean of `count` values lies whose standard deviation was measured elsewhere, as
// known.spread over known.count values:
//
//   mean +- t(0.975, known.count - 1) * known.spread * sqrt(1 / count + 1 / known.count)
//
// known.spread must be > 0, count >= 1 and known.count >= 2.
struct KnownSpread {
  double spread = 0;
  std::int64_t count = 0;
};
Interval prediction_interval(double mean, std::int64_t count, const KnownSpread& known);

// Standard deviation (n - 1 in the denominator) and the one-sided 95 % upper bound of the true one,
// deviation * sqrt((n - 1) / chi2(0.05, n - 1)). None below two values.
struct Spread {
  std::int64_t count = 0;
  double deviation = 0;
  double upper = 0;
};
std::optional<Spread> spread_of(std::span<const double> values);

// mean_interval through logarithms, for ratios: geometric mean and interval. Values must be > 0.
Interval ratio_interval(std::span<const double> values);

// A run's cost and the loss it ended at.
struct CostPoint {
  double cost = 0;  // > 0: FLOPs, seconds or raw tokens
  double loss = 0;
};

// Where a curve of final losses stands with a target: loss is taken as linear in log cost between
// neighbouring points, and nothing is read off outside the measured range.
enum class Reach {
  kInside,      // cost = least cost at which the curve meets the target
  kBelowRange,  // the cheapest run is already below the target: the cost is at most `cost` (the
                // cheapest)
  kNever,       // no run gets there: the cost is more than `cost` (the dearest)
};
struct ReachedCost {
  Reach reach = Reach::kInside;
  double cost = 0;
};
// Points in any order, at least one.
ReachedCost cost_at_loss(std::vector<CostPoint> points, double target);

// Loss at a cost, log-interpolated; none outside [least, greatest] (a relative 1e-6 is forgiven).
std::optional<double> loss_at_cost(std::vector<CostPoint> points, double cost);

}  // namespace superpose::report
