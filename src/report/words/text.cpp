#include "report/words/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "util/text.h"

namespace superpose::report {

namespace {

constexpr int kLossDigits = 4;

double shown_times(double factor) { return std::round(100 * factor) / 100; }

// "0.0310 to 0.0530 ahead", "0.0100 behind to 0.0530 ahead"
std::string format_range(double low, double high) {
  const std::string end = format_gain(high);
  if (side_of(low) != side_of(high)) return format_gain(low) + " to " + end;
  if (side_of(high) == Side::kLevel) return end;
  const bool behind = side_of(high) == Side::kBehind;  // the least distance first
  return format_loss(std::abs(behind ? high : low)) + " to " + format_gain(behind ? low : high);
}

std::string format_range(std::int64_t least, std::int64_t most) {
  if (least == most) return util::with_commas(most);
  return util::with_commas(least) + " to " + util::with_commas(most);
}

}  // namespace

double as_shown(double nats) {
  static const double scale = std::pow(10.0, kLossDigits);
  return std::round(nats * scale) / scale + 0.0;  // + 0.0: no minus before a zero
}

std::string format_loss(double nats) { return util::fixed(as_shown(nats), kLossDigits); }

Side side_of(double gain) {
  const double shown = as_shown(gain);
  if (shown == 0) return Side::kLevel;
  return shown > 0 ? Side::kAhead : Side::kBehind;
}

std::string format_gain(double gain) {
  if (side_of(gain) == Side::kLevel) return "level";
  return format_loss(std::abs(gain)) + (side_of(gain) == Side::kAhead ? " ahead" : " behind");
}

std::string format_gain_over(double gain, const std::string& baseline) {
  const Side side = side_of(gain);
  const char* link = side == Side::kLevel ? " with " : side == Side::kAhead ? " of " : " ";
  return format_gain(gain) + link + baseline;
}

std::string format_tokens(double count) { return util::format_count(std::llround(count)); }

std::string format_rate(double learning_rate) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.4g", learning_rate);
  return text.data();
}

std::string format_times(double factor) { return util::fixed(shown_times(factor), 2) + "x"; }

std::string format_epochs(double epochs) {
  return epochs > 0 ? util::fixed(epochs, 2) + " epochs" : "epochs unknown";
}

std::string support(const Interval& gain) {
  const std::string seeds = util::counted(gain.count, "seed");
  if (!gain.low) return seeds + ", no interval";
  return "95 % interval " + format_range(*gain.low, *gain.high) + ", " + seeds;
}

std::string brief_support(const GainOutcome& gain) {
  if (gain.source != IntervalSource::kNoiseFigure) return support(gain.interval);
  return "95 % prediction interval " + format_range(*gain.interval.low, *gain.interval.high) +
         ", " + util::counted(gain.interval.count, "seed");
}

std::string support(const GainOutcome& gain) {
  const std::string brief = brief_support(gain);
  if (gain.source != IntervalSource::kNoiseFigure) return brief;
  const NoiseFigure& noise = gain.noise;
  return brief + ", using the seed noise measured earlier over " +
         util::counted(noise.seeds, "seed") + (noise.source.empty() ? "" : ", " + noise.source);
}

std::string document_support(const DocumentError& error) {
  if (!error.low) return "not given: " + error.why_not;
  return format_range(*error.low, *error.high) + ", " + util::counted(error.count, "document");
}

std::string format_spread(const Spread& spread) {
  return format_loss(spread.deviation) + " (" + util::counted(spread.count, "seed") + "; at most " +
         format_loss(spread.upper) + ")";
}

std::string format_measured(const std::optional<Measured>& measured) {
  if (!measured) return "text (size not recorded for all runs)";
  const auto& [least, most] = *measured;
  return format_range(least.tokens, most.tokens) + " tokens of " +
         format_range(least.documents, most.documents) +
         (most.documents == 1 ? " document" : " documents");
}

std::string speed_up_figure(const SpeedUpOutcome& outcome) {
  if (!outcome.available) return "not run";
  if (!outcome.determined) return "not determined";
  const std::string figure = format_times(outcome.interval.mean);
  if (outcome.bound == Bound::kAtLeast) return ">= " + figure;
  if (outcome.bound == Bound::kAtMost) return "<= " + figure;
  return figure;
}

std::string speed_up_meaning(const SpeedUpOutcome& outcome) {
  if (!outcome.available || !outcome.determined) return "";
  const Interval& interval = outcome.interval;
  if (interval.low && shown_times(*interval.low) <= 1 && shown_times(*interval.high) >= 1) {
    return ", no clear difference";
  }
  const double factor = shown_times(interval.mean);
  if (outcome.bound == Bound::kExact && factor == 1) return ", the same compute";
  if (outcome.bound != Bound::kAtMost && factor > 1) return ", less compute";
  if (outcome.bound != Bound::kAtLeast && factor < 1) return ", more compute";
  return "";
}

std::string speed_up_support(const SpeedUpOutcome& outcome) {
  if (!outcome.available) return outcome.why_not;
  std::string text;
  if (outcome.interval.low) {
    text = "95 % interval " + format_times(*outcome.interval.low) + " to " +
           format_times(*outcome.interval.high) + ", ";
  }
  text += util::counted(outcome.interval.count, "seed");
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
