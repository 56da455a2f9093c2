// One sentence or two on each thing that there is to say about an arm; "" where its numbers are
// missing. Numbers and the words about them come from text.h.
#pragma once

#include <cstdint>
#include <string>

#include "report/analysis.h"

namespace superpose::report {

// "at equal compute", "with 1.25x the compute"
std::string compute_words(const GainOutcome& outcome);

// What was compared, and how much held-out text it was judged on.
std::string setting_sentence(const Analysis& analysis, const Comparison& comparison);
// Losses, difference and what its evidence allows to say.
std::string gain_sentence(const Analysis& analysis, const Comparison& comparison);
// The error from the choice of held-out text, apart from that of the seeds.
std::string documents_sentence(const Comparison& comparison);
// How far seeds lie apart.
std::string spread_sentence(const Analysis& analysis, const Comparison& comparison);
// That the best of several arms was picked by the gain it is quoted for.
std::string choice_sentence(const std::string& arm, std::int64_t among);
// The validation sets other than the primary one.
std::string sets_sentence(const Analysis& analysis, const std::string& arm);
std::string tokens_sentence(const Analysis& analysis, const Comparison& comparison);
std::string speed_sentence(const Analysis& analysis, const Comparison& comparison);
// Which learning rates the arms had, and from where.
std::string rate_sentence(const Analysis& analysis);

}  // namespace superpose::report
