#include "report/noise.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <vector>

#include "report/outcomes.h"
#include "report/statistics.h"
#include "util/error.h"
#include "util/json.h"
#include "util/text.h"

namespace superpose::report {
namespace {

void check(const NoiseFigure& figure) {
  util::require(figure.seeds >= kNoiseSeeds, "noise of ", figure.arm,
                ": seeds must be >= ", kNoiseSeeds, ", got ", figure.seeds);
  util::require(std::isfinite(figure.spread) && figure.spread > 0, "noise of ", figure.arm,
                ": spread must be finite and > 0, got ", figure.spread);
}

const NoiseFigure* figure_of(const Experiment& experiment, const std::string& arm) {
  const NoiseFigure* best = nullptr;
  for (const NoiseFigure& figure : experiment.noise) {
    if (figure.arm != arm) continue;
    check(figure);
    if (best == nullptr || figure.seeds > best->seeds) best = &figure;
  }
  return best;
}

// A TOML basic string: JSON's escapes are among TOML's.
std::string quoted(const std::string& text) {
  return util::Json(text).dump(-1, ' ', false, util::Json::error_handler_t::replace);
}

// "demo.toml, 2026-11-30, superpose 0.1.0"
std::string source_of(const Analysis& analysis, const std::vector<const Run*>& runs) {
  std::vector<std::string> parts;
  const Experiment& experiment = analysis.experiment;
  const std::string& name =
      experiment.recipe_name.empty() ? experiment.title : experiment.recipe_name;
  if (!name.empty()) parts.push_back(name);
  std::string day;
  std::set<std::string> versions;
  for (const Run* run : runs) {
    constexpr std::size_t kDayLength = 10;  // of "2026-11-30T08:30:00Z"
    day = std::max(day, run->records.header.started_at.substr(0, kDayLength));
    for (const auto& [program, version] : run->records.header.versions) {
      if (program == "superpose") versions.insert(version);
    }
  }
  if (!day.empty()) parts.push_back(day);
  if (!versions.empty()) {
    const std::vector<std::string> all(versions.begin(), versions.end());
    parts.push_back("superpose " + util::join(all, " and "));
  }
  return util::join(parts, ", ");
}

std::string entry(const Analysis& analysis, const PairSettings& pair, const Spread& spread) {
  const std::vector<const Run*> runs = analysis.results(analysis.experiment.baseline, pair.budget);
  const metrics::Fingerprints& text = runs.front()->records.header.fingerprints;
  return "[[compare.noise]]\narm = " + quoted(pair.arm) +
         "\nsteps = " + std::to_string(runs.front()->records.header.total_steps) +
         "\nspread = " + util::format_double(spread.deviation) +
         "\nseeds = " + std::to_string(spread.count) +
         "\nsource = " + quoted(source_of(analysis, runs)) +
         "\nsettings = " + quoted(pair.settings) +
         (text.data.empty() ? "" : "\ncorpus = " + quoted(text.corpus())) + "\n";
}

}  // namespace

void use_noise_figure(const Experiment& experiment, const std::string& arm, GainOutcome& outcome) {
  if (!outcome.available || outcome.source != IntervalSource::kNone) return;
  if (outcome.mean.match == Match::kInterpolated) return;
  const NoiseFigure* figure = figure_of(experiment, arm);
  if (figure == nullptr) return;
  outcome.interval = prediction_interval(outcome.interval.mean, outcome.interval.count,
                                         {figure->spread, figure->seeds});
  outcome.source = IntervalSource::kNoiseFigure;
  outcome.noise = *figure;
}

std::string noise_block(const Analysis& analysis, const std::string& arm,
                        const GainOutcome& outcome) {
  if (!outcome.available || outcome.mean.match == Match::kInterpolated) return "";
  std::string blocks;
  for (const PairSettings& pair : analysis.experiment.pairs) {
    if (pair.arm != arm) continue;
    const std::optional<Spread> spread = spread_at(analysis, arm, pair.budget);
    if (!spread || spread->count < kNoiseSeeds || !(spread->deviation > 0)) continue;
    if (!blocks.empty()) blocks += "\n";
    blocks += entry(analysis, pair, *spread);
  }
  return blocks;
}

}  // namespace superpose::report
