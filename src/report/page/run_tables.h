// The tables of the page of one run.
#pragma once

#include <string>

#include "report/analysis.h"

namespace superpose::report {

// Where the run's time went; "" where its records do not say.
std::string time_table(const Run& run);

// What it was trained on: sources, tokenizer, passes; "" likewise.
std::string data_table(const Run& run);

}  // namespace superpose::report
