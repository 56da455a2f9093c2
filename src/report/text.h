#pragma once

#include <cstdint>
#include <string>

#include "report/analysis.h"

// Numbers as the report writes them.
namespace superpose::report {

std::string signed_fixed(double value, int digits);  // "+0.042", "-0.042"
std::string format_flops(double flops);              // "12.4 PFLOP"
std::string format_tokens(double count);             // "33.6M"
std::string format_rate(double learning_rate);       // "0.004"
std::string format_times(double factor);             // "1.62x"
std::string format_epochs(double epochs);            // "0.37 epochs", "epochs unknown" for 0
std::string count_of(std::int64_t count, const std::string& noun);  // "1 seed", "3 seeds"

// "95 % interval +0.031 to +0.053, 3 seeds"; "2 seeds" where there is no interval.
std::string support(const Interval& gain);
std::string gain_support(const GainOutcome& outcome);
// "1.62x", ">= 1.62x", "not determined"; and what it rests on.
std::string speed_up_figure(const SpeedUpOutcome& outcome);
std::string speed_up_support(const SpeedUpOutcome& outcome);

}  // namespace superpose::report
