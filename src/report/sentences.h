#pragma once

#include <string>

#include "report/analysis.h"

// One sentence or two on each thing that there is to say about an arm; "" where its numbers are
// missing. Numbers and the words about them come from text.h.
namespace superpose::report {

// "at equal compute", "with 1.25x the compute"
std::string compute_words(const GainOutcome& outcome);

// What was compared, and how much held-out text it was judged on.
std::string setting_sentence(const Analysis& analysis, const Comparison& comparison);
// Losses, difference and what its evidence allows to say.
std::string gain_sentence(const Analysis& analysis, const Comparison& comparison);
// The validation sets other than the primary one.
std::string sets_sentence(const Analysis& analysis, const std::string& arm);
std::string tokens_sentence(const Analysis& analysis, const Comparison& comparison);
std::string speed_sentence(const Analysis& analysis, const Comparison& comparison);
// Which learning rates the arms had, and from where.
std::string rate_sentence(const Analysis& analysis);

}  // namespace superpose::report
