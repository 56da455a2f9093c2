// Tolerances out of rounding analysis, so that a test says what arithmetic it allows and nothing
// looser. Notation of Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., chapters
// 2-4: unit roundoff u = epsilon / 2.
#pragma once

#include <cmath>
#include <cstdint>

namespace superpose::test {

// Distance from 1 to the next number of the type.
inline constexpr double kEpsilonF64 = 0x1p-52;
inline constexpr double kEpsilonF32 = 0x1p-23;
inline constexpr double kEpsilonF16 = 0x1p-10;
inline constexpr double kEpsilonBf16 = 0x1p-7;

// One rounding of a number of that magnitude to the type of `epsilon`.
inline double rounding_tolerance(double epsilon, double magnitude) {
  return 0.5 * epsilon * std::abs(magnitude);
}

// A sum of `terms` rounded terms (a dot product: the products are the terms), in any order of
// summation; `magnitude` is the sum of the terms' absolute values, or a bound on it. Worst case:
// gamma_n * magnitude, gamma_n = n u / (1 - n u).
inline double sum_tolerance(double epsilon, std::int64_t terms, double magnitude) {
  const double rounding = 0.5 * epsilon * static_cast<double>(terms);
  return rounding / (1.0 - rounding) * std::abs(magnitude);
}

// The same where roundings behave like independent random numbers (Higham and Mary 2019):
// lambda * sqrt(n) * u, with lambda = 6. For long sums, whose worst case would hide a real error.
inline double likely_sum_tolerance(double epsilon, std::int64_t terms, double magnitude) {
  return 6.0 * std::sqrt(static_cast<double>(terms)) * 0.5 * epsilon * std::abs(magnitude);
}

}  // namespace superpose::test
