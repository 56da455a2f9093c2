// The report as JSON and CSV.
#pragma once

#include <string>

#include "report/analysis.h"

namespace superpose::report {

// report.json: every figure of the page, with "schema".
std::string report_json(const Analysis& analysis);

// results.csv: one row per run that has records. curves.csv: one row per validation point, trunk's
// part included.
std::string results_csv(const Analysis& analysis);
std::string curves_csv(const Analysis& analysis);

}  // namespace superpose::report
