#include "experiment/noise.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "config/config.h"
#include "experiment/run_list.h"
#include "report/statistics.h"
#include "util/hash.h"
#include "util/text.h"

namespace superpose::experiment {
namespace {

constexpr double kUpper = 0.975;  // of a two-sided 95 % interval

// The arm's recipe at budget 1, with the rate that its results run at; nothing where that is not
// known.
std::optional<train::RunConfig> config_at_budget_one(std::size_t arm, std::span<const Arm> arms,
                                                     const CompareConfig& compare,
                                                     const BestRates& rates) {
  train::RunConfig config = arms[arm].config;
  if (compare.learning_rates.empty()) return config;
  if (arm >= rates.size() || !rates[arm]) return std::nullopt;
  config.optim.learning_rate = *rates[arm];
  return config;
}

// `config` and `baseline` are those of budget 1.
std::vector<report::PairSettings> pairs_of(const Arm& arm, train::RunConfig config,
                                           const std::vector<double>& baseline_budgets,
                                           train::RunConfig baseline) {
  const std::int64_t steps = config.train.steps;
  std::vector<report::PairSettings> pairs;
  for (auto budget = arm.budgets.rbegin(); budget != arm.budgets.rend(); ++budget) {
    if (std::find(baseline_budgets.begin(), baseline_budgets.end(), *budget) ==
        baseline_budgets.end()) {
      continue;
    }
    config.train.steps = baseline.train.steps = steps_of_budget(steps, *budget);
    pairs.push_back({arm.name, pair_fingerprint(baseline, config), *budget});
  }
  return pairs;
}

// Sorts one arm's entries into a figure, that over the most seeds, and notes. An empty `corpus` is
// not known yet.
void check_entries(const Arm& arm, const std::string& settings, const std::string& corpus,
                   const CompareConfig& compare, NoiseFindings& findings) {
  std::optional<report::NoiseFigure> best;
  for (const NoiseConfig& entry : compare.noise) {
    if (entry.arm != arm.name || entry.steps != arm.config.train.steps) continue;
    if (entry.settings != settings) {
      findings.notes.push_back("the noise figure of " + entry.arm +
                               " was measured with other settings and is not used (its settings " +
                               entry.settings + ", these " + settings + ")");
    } else if (!corpus.empty() && !entry.corpus.empty() && entry.corpus != corpus) {
      findings.notes.push_back("the noise figure of " + entry.arm +
                               " was measured on other text and is not used (its corpus " +
                               entry.corpus + ", this one " + corpus + ")");
    } else if (!best || entry.seeds > best->seeds) {
      best = {entry.arm, entry.spread, entry.seeds, entry.source};
    }
  }
  if (best) findings.figures.push_back(*best);
}

std::string counted_seeds(std::int64_t count) {
  return std::to_string(count) + (count == 1 ? " seed" : " seeds");
}

void print_by_figure(std::ostream& out, const report::NoiseFigure& figure, std::int64_t seeds) {
  out << util::fixed(smallest_difference(figure.spread, figure.seeds, seeds), 4)
      << " nats per token, by the spread of " << util::fixed(figure.spread, 4) << " over "
      << counted_seeds(figure.seeds);
  if (!figure.source.empty()) out << " (" << figure.source << ")";
  if (seeds >= report::kFewestSeeds) {
    out << "; " << util::fixed(smallest_difference(figure.spread, seeds), 4)
        << " by these seeds alone, if they spread as much";
  }
}

void print_without_figure(std::ostream& out, std::int64_t seeds) {
  if (seeds < report::kFewestSeeds) {
    out << "unknown, as one or two seeds cannot rule out chance. Use three or more compare.seeds; "
           "with six or more the report prints a [[compare.noise]] block for recipes with fewer "
           "seeds.";
  } else {
    out << util::fixed(smallest_difference(1, seeds), 2)
        << " times the standard deviation of the difference over these seeds";
  }
}

}  // namespace

std::string pair_fingerprint(const train::RunConfig& baseline, const train::RunConfig& arm) {
  util::Hasher hasher;
  for (const train::RunConfig* config : {&baseline, &arm}) {
    for (const util::Setting& setting : config::settings(*config)) {
      if (setting.operational || setting.key == "train.seed") continue;
      hasher.update(setting.key + " = " + setting.value + "\n");
    }
    hasher.update("\n");
  }
  return util::hex64(hasher.digest64());
}

NoiseFindings find_noise(std::span<const Arm> arms, const CompareConfig& compare,
                         const BestRates& rates, const std::string& corpus) {
  NoiseFindings findings;
  std::optional<train::RunConfig> baseline;
  std::vector<double> baseline_budgets;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (arms[i].name == compare.baseline) {
      baseline = config_at_budget_one(i, arms, compare, rates);
      baseline_budgets = arms[i].budgets;
    }
  }
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const auto config = config_at_budget_one(i, arms, compare, rates);
    if (arms[i].name == compare.baseline || !baseline || !config) continue;
    const std::vector<report::PairSettings> pairs =
        pairs_of(arms[i], *config, baseline_budgets, *baseline);
    check_entries(arms[i], pair_fingerprint(*baseline, *config), corpus, compare, findings);
    findings.pairs.insert(findings.pairs.end(), pairs.begin(), pairs.end());
  }
  for (const NoiseConfig& entry : compare.noise) {
    const bool is_there = std::any_of(arms.begin(), arms.end(), [&](const Arm& arm) {
      return arm.name == entry.arm && arm.name != compare.baseline;
    });
    if (is_there) continue;
    findings.notes.push_back("the noise figure of " + entry.arm +
                             " is not used: no arm other than the baseline has this name");
  }
  return findings;
}

double smallest_difference(double spread, std::int64_t measured, std::int64_t seeds) {
  return report::prediction_interval(0, seeds, {spread, measured}).high.value();
}

double smallest_difference(double spread, std::int64_t seeds) {
  const auto k = static_cast<double>(seeds);
  return report::student_t_quantile(kUpper, k - 1) * spread / std::sqrt(k);
}

void print_smallest_differences(std::ostream& out, std::span<const Arm> arms,
                                const CompareConfig& compare, const NoiseFindings& findings) {
  const std::int64_t seeds = std::ssize(compare.seeds);
  for (const Arm& arm : arms) {
    if (arm.name == compare.baseline) continue;
    out << "smallest difference that " << counted_seeds(seeds) << " can show of " << arm.name
        << ": ";
    const auto figure = std::find_if(
        findings.figures.begin(), findings.figures.end(),
        [&arm](const report::NoiseFigure& candidate) { return candidate.arm == arm.name; });
    const bool has_settings =
        std::any_of(findings.pairs.begin(), findings.pairs.end(),
                    [&arm](const report::PairSettings& pair) { return pair.arm == arm.name; });
    const bool has_entry =
        std::any_of(compare.noise.begin(), compare.noise.end(),
                    [&arm](const NoiseConfig& entry) { return entry.arm == arm.name; });
    if (figure != findings.figures.end()) {
      print_by_figure(out, *figure, seeds);
    } else if (!has_settings && has_entry) {
      out << "known once the learning rates are chosen, which its noise figure depends on";
    } else {
      print_without_figure(out, seeds);
    }
    out << '\n';
  }
  for (const std::string& note : findings.notes) out << "note: " << note << '\n';
}

}  // namespace superpose::experiment
