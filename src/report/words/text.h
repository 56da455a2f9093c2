// Numbers as the report writes them. A word about a number (ahead, lower, more) is made here, from
// the rounded value that is printed next to it, and nowhere else; so no sentence can contradict its
// number, and none carries a sign that could be read the wrong way round.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "report/analysis.h"

namespace superpose::report {

// A loss or a difference of losses, in nats, rounded to the digits that the report prints.
double as_shown(double nats);
std::string format_loss(double nats);  // "1.0620"

// What a difference as it is shown says about the arm.
enum class Side { kLevel, kAhead, kBehind };
Side side_of(double gain);
std::string format_gain(double gain);  // "0.0420 ahead", "0.0260 behind", "level"
// "0.0420 ahead of baseline", "0.0260 behind baseline", "level with baseline"
std::string format_gain_over(double gain, const std::string& baseline);

std::string format_tokens(double count);        // "33.6M"
std::string format_rate(double learning_rate);  // "0.004"
std::string format_times(double factor);        // "1.62x"
std::string format_epochs(double epochs);       // "0.37 epochs", "epochs unknown" for 0

// "95 % interval 0.0310 to 0.0530 ahead, 3 seeds"; "2 seeds, no interval".
std::string support(const Interval& gain);
// The same with where the interval comes from: "95 % prediction interval 0.0310 to 0.0530 ahead, 1
// seed, using the seed noise measured earlier over 6 seeds, demo.toml".
std::string support(const GainOutcome& gain);
std::string brief_support(const GainOutcome& gain);  // without the figure's source
// "0.0310 to 0.0530 ahead"; "not given: ..."
std::string document_support(const DocumentError& error);
// "0.0012 (3 seeds; at most 0.0053)"
std::string format_spread(const Spread& spread);
// "65,536 tokens of 63 documents", "1 to 2 tokens of 3 documents"; what is said where it is
// unknown.
std::string format_measured(const std::optional<Measured>& measured);
// "1.62x", ">= 1.62x", "not determined"; and what it rests on.
std::string speed_up_figure(const SpeedUpOutcome& outcome);
std::string speed_up_support(const SpeedUpOutcome& outcome);
// ", less compute", ", more compute", ", no clear difference"; "" where a bound does not say.
std::string speed_up_meaning(const SpeedUpOutcome& outcome);

}  // namespace superpose::report
