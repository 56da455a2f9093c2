#include "report/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "util/text.h"

namespace superpose::report {

std::string signed_fixed(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%+.*f", digits, value);
  return text.data();
}

std::string format_flops(double flops) {
  constexpr std::array<const char*, 6> kUnits = {"MFLOP", "GFLOP", "TFLOP",
                                                 "PFLOP", "EFLOP", "ZFLOP"};
  double scaled = flops / 1e6;
  std::size_t unit = 0;
  while (scaled >= 999.5 && unit + 1 < kUnits.size()) {
    scaled /= 1000;
    ++unit;
  }
  const int digits = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
  return util::fixed(scaled, digits) + " " + kUnits.at(unit);
}

std::string format_tokens(double count) { return util::format_count(std::llround(count)); }

std::string format_rate(double learning_rate) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.4g", learning_rate);
  return text.data();
}

std::string format_times(double factor) { return util::fixed(factor, 2) + "x"; }

std::string format_epochs(double epochs) {
  return epochs > 0 ? util::fixed(epochs, 2) + " epochs" : "epochs unknown";
}

std::string count_of(std::int64_t count, const std::string& noun) {
  return util::with_commas(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string support(const Interval& gain) {
  const std::string seeds = count_of(gain.count, "seed");
  if (!gain.low) return seeds + ", no interval";
  return "95 % interval " + signed_fixed(*gain.low, 4) + " to " + signed_fixed(*gain.high, 4) +
         ", " + seeds;
}

std::string gain_support(const GainOutcome& outcome) { return support(outcome.interval); }

std::string speed_up_figure(const SpeedUpOutcome& outcome) {
  if (!outcome.available) return "not run";
  if (!outcome.determined) return "not determined";
  const std::string figure = format_times(outcome.interval.mean);
  if (outcome.bound == Bound::kAtLeast) return ">= " + figure;
  if (outcome.bound == Bound::kAtMost) return "<= " + figure;
  return figure;
}

std::string speed_up_support(const SpeedUpOutcome& outcome) {
  if (!outcome.available) return outcome.why_not;
  std::string text;
  if (outcome.interval.low) {
    text = "95 % interval " + format_times(*outcome.interval.low) + " to " +
           format_times(*outcome.interval.high) + ", ";
  }
  text += count_of(outcome.interval.count, "seed");
  const auto bounds =
      std::count_if(outcome.seeds.begin(), outcome.seeds.end(),
                    [](const SeedSpeedUp& seed) { return seed.bound != Bound::kExact; });
  if (bounds > 0) {
    text += ", " + std::to_string(bounds) +
            " of them outside the measured budgets and entered as " +
            (bounds == 1 ? "a bound" : "bounds") + "; no interval";
  } else if (!outcome.interval.low) {
    text += ", no interval";
  }
  return text;
}

}  // namespace superpose::report
