// How much chance there is in a difference between two arms: what [[compare.noise]] says of it, and
// the smallest difference that a number of seeds can show.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "experiment/progress.h"
#include "experiment/recipe.h"
#include "report/experiment.h"

namespace superpose::experiment {

// Fingerprint of what two runs do: all settings of both that are not operational, their learning
// rates included, without the seed. 16 hex digits.
std::string pair_fingerprint(const train::RunConfig& baseline, const train::RunConfig& arm);

// The entries of compare.noise held against the arms' settings at budget 1.
struct NoiseFindings {
  // Of each arm but the baseline whose rate is known, at each budget of both, longest first.
  std::vector<report::PairSettings> pairs;
  std::vector<report::NoiseFigure> figures;  // that apply, at most one per arm
  std::vector<std::string> notes;            // of entries that do not
};

// `rates` as plan_runs takes them: those chosen from compare.learning_rates, where there is such a
// list. `corpus`: metrics::Fingerprints::corpus of the runs; empty while it is not known. An entry
// applies where arm, steps, settings and corpus are those of the recipe; of several, that over the
// most seeds. One that differs in its settings or its corpus alone gets a note with both, and so
// does one whose arm is not there.
NoiseFindings find_noise(std::span<const Arm> arms, const CompareConfig& compare,
                         const BestRates& rates, const std::string& corpus = {});

// Half the 95 % interval around the mean difference over `seeds` seeds, in the unit of `spread`:
// the smallest difference that they tell from none.
//
//   t(0.975, measured - 1) * spread * sqrt(1 / seeds + 1 / measured)
//     where `spread` was measured over `measured` other seeds
//   t(0.975, seeds - 1) * spread / sqrt(seeds)
//     where `spread` is that of the seeds themselves
//
// measured >= 2; seeds >= 1, and >= 2 in the second.
double smallest_difference(double spread, std::int64_t measured, std::int64_t seeds);
double smallest_difference(double spread, std::int64_t seeds);

// What the recipe's seeds can show of each arm but the baseline, a line each, then the notes.
void print_smallest_differences(std::ostream& out, std::span<const Arm> arms,
                                const CompareConfig& compare, const NoiseFindings& findings);

}  // namespace superpose::experiment
