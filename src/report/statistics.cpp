#include "report/statistics.h"

#include <algorithm>
#include <cmath>

#include "util/error.h"

namespace superpose::report {
namespace {

constexpr double kUpperQuantile = 0.5 + kConfidence / 2;  // of a two-sided interval

// Continued fraction of the incomplete beta function by Lentz's method (Numerical Recipes,
// sec. 6.4).
double beta_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  constexpr double kPrecision = 1e-15;
  constexpr int kMostTerms = 10000;
  const auto away_from_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double fraction = d;
  for (int m = 1; m <= kMostTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    fraction *= d * c;
    if (std::abs(d * c - 1) < kPrecision) break;
  }
  return fraction;
}

// Regularised incomplete beta function I_x(a, b).
double incomplete_beta(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(x, a, b) / a;
  return 1 - front * beta_fraction(1 - x, b, a) / b;
}

// P(T > t) for t >= 0.
double upper_tail(double t, double degrees) {
  return 0.5 * incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5);
}

// Regularised lower incomplete gamma function P(a, x): its series below a + 1, the continued
// fraction of the complement by Lentz's method above (Numerical Recipes, sec. 6.2).
double lower_gamma(double a, double x) {
  constexpr double kTiny = 1e-300;
  constexpr double kPrecision = 1e-15;
  constexpr int kMostTerms = 100000;
  if (x <= 0) return 0;
  const double front = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a;
    double sum = term;
    for (int n = 1; n <= kMostTerms && term > kPrecision * sum; ++n) {
      term *= x / (a + n);
      sum += term;
    }
    return front * sum;
  }
  double b = x + 1 - a;
  double c = 1 / kTiny;
  double d = 1 / b;
  double fraction = d;
  for (int n = 1; n <= kMostTerms; ++n) {
    const double numerator = -n * (n - a);
    b += 2;
    d = numerator * d + b;
    d = 1 / (std::abs(d) < kTiny ? kTiny : d);
    c = b + numerator / c;
    if (std::abs(c) < kTiny) c = kTiny;
    fraction *= d * c;
    if (std::abs(d * c - 1) < kPrecision) break;
  }
  return 1 - front * fraction;
}

double mean_of(std::span<const double> values) {
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  return mean;
}

// n - 1 in the denominator; at least two values.
double deviation_of(std::span<const double> values) {
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

void sort_by_cost(std::vector<CostPoint>& points) {
  util::require(!points.empty(), "budget curve: must hold one run or more, got none");
  for (const CostPoint& point : points) {
    util::require(point.cost > 0, "budget curve: a run's cost must be > 0, got ", point.cost);
  }
  std::sort(points.begin(), points.end(),
            [](const CostPoint& a, const CostPoint& b) { return a.cost < b.cost; });
}

}  // namespace

double student_t_quantile(double p, double degrees) {
  util::require(p > 0 && p < 1, "student_t_quantile: p must be in (0, 1), got ", p);
  util::require(degrees >= 1, "student_t_quantile: degrees must be >= 1, got ", degrees);
  if (p < 0.5) return -student_t_quantile(1 - p, degrees);
  const double tail = 1 - p;
  double high = 1;
  while (upper_tail(high, degrees) > tail) high *= 2;
  double low = 0;
  for (;;) {  // down to neighbouring doubles
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return high;
    (upper_tail(middle, degrees) > tail ? low : high) = middle;
  }
}

double chi_square_quantile(double p, double degrees) {
  util::require(p > 0 && p < 1, "chi_square_quantile: p must be in (0, 1), got ", p);
  util::require(degrees >= 1, "chi_square_quantile: degrees must be >= 1, got ", degrees);
  const auto below = [&](double x) { return lower_gamma(degrees / 2, x / 2); };
  double high = degrees;
  while (below(high) < p) high *= 2;
  double low = 0;
  for (;;) {  // down to neighbouring doubles
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return high;
    (below(middle) < p ? low : high) = middle;
  }
}

Interval mean_interval(std::span<const double> values) {
  Interval interval;
  interval.count = static_cast<std::int64_t>(values.size());
  if (values.empty()) return interval;
  interval.mean = mean_of(values);
  if (interval.count < kFewestSeeds) return interval;
  const auto n = static_cast<double>(values.size());
  const double reach =
      student_t_quantile(kUpperQuantile, n - 1) * deviation_of(values) / std::sqrt(n);
  interval.low = interval.mean - reach;
  interval.high = interval.mean + reach;
  return interval;
}

Interval prediction_interval(double mean, std::int64_t count, const KnownSpread& known) {
  util::require(known.spread > 0 && std::isfinite(known.spread),
                "prediction interval: spread must be finite and > 0, got ", known.spread);
  util::require(count >= 1 && known.count >= 2,
                "prediction interval: counts must be >= 1 and >= 2, got ", count, " and ",
                known.count);
  const auto k = static_cast<double>(count);
  const auto n = static_cast<double>(known.count);
  const double reach =
      student_t_quantile(kUpperQuantile, n - 1) * known.spread * std::sqrt(1 / k + 1 / n);
  return {count, mean, mean - reach, mean + reach};
}

std::optional<Spread> spread_of(std::span<const double> values) {
  if (values.size() < 2) return std::nullopt;
  const auto degrees = static_cast<double>(values.size() - 1);
  Spread spread;
  spread.count = static_cast<std::int64_t>(values.size());
  spread.deviation = deviation_of(values);
  spread.upper =
      spread.deviation * std::sqrt(degrees / chi_square_quantile(1 - kConfidence, degrees));
  return spread;
}

Interval ratio_interval(std::span<const double> values) {
  std::vector<double> logarithms;
  for (const double value : values) {
    util::require(value > 0, "ratio_interval: a ratio must be > 0, got ", value);
    logarithms.push_back(std::log(value));
  }
  Interval interval = mean_interval(logarithms);
  if (!values.empty()) interval.mean = std::exp(interval.mean);
  if (interval.low) interval.low = std::exp(*interval.low);
  if (interval.high) interval.high = std::exp(*interval.high);
  return interval;
}

ReachedCost cost_at_loss(std::vector<CostPoint> points, double target) {
  sort_by_cost(points);
  if (points.front().loss == target) return {Reach::kInside, points.front().cost};
  if (points.front().loss < target) return {Reach::kBelowRange, points.front().cost};
  for (std::size_t i = 1; i < points.size(); ++i) {
    const CostPoint& before = points[i - 1];
    const CostPoint& after = points[i];
    if (after.loss > target) continue;
    // `before` is above the target, or the scan would have ended earlier.
    const double part = (before.loss - target) / (before.loss - after.loss);
    return {Reach::kInside, before.cost * std::pow(after.cost / before.cost, part)};
  }
  return {Reach::kNever, points.back().cost};
}

std::optional<double> loss_at_cost(std::vector<CostPoint> points, double cost) {
  constexpr double kForgiven = 1e-6;
  sort_by_cost(points);
  for (const CostPoint& point : points) {
    if (std::abs(point.cost - cost) <= kForgiven * cost) return point.loss;
  }
  for (std::size_t i = 1; i < points.size(); ++i) {
    const CostPoint& before = points[i - 1];
    const CostPoint& after = points[i];
    if (before.cost > cost || after.cost < cost) continue;
    const double part = std::log(cost / before.cost) / std::log(after.cost / before.cost);
    return before.loss + part * (after.loss - before.loss);
  }
  return std::nullopt;
}

}  // namespace superpose::report
