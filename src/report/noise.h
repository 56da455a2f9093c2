// Noise figures in the report: the interval that one gives, and the recipe entry for a new one.
#pragma once

#include <cstdint>
#include <string>

#include "report/analysis.h"

namespace superpose::report {

// Seeds from which on a spread makes a noise figure.
inline constexpr std::int64_t kNoiseSeeds = 6;

// Gives a gain of one or two seeds the prediction interval of the arm's noise figure (Experiment::
// noise; of several the one over the most seeds). A gain that is read off between budgets gets
// none: the figure is of final losses. Throws util::Error for a figure that cannot be one.
void use_noise_figure(const Experiment& experiment, const std::string& arm, GainOutcome& outcome);

// [[compare.noise]] entries (docs/formats/experiment.md) of the spreads over kNoiseSeeds seeds or
// more, one for each budget that has them, longest first; "" where none has, where `outcome` (that
// of budget 1) is not of final losses, or the experiment does not hold the settings of the pair.
std::string noise_block(const Analysis& analysis, const std::string& arm,
                        const GainOutcome& outcome);

}  // namespace superpose::report
