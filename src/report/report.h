#pragma once

#include <filesystem>
#include <string>

#include "report/analysis.h"
#include "report/experiment.h"

namespace superpose::report {

// Reads the runs and works out every outcome (analysis.h). Unfinished runs are left out and named
// in the notes; no finished pair at all is not an error (the page says so). Throws util::Error for
// records that do not fit the schema and for runs whose recipe, data or validation fingerprints
// differ, naming both.
Analysis analyze(const Experiment& experiment);

// The result in words that a newcomer understands, as lines of plain text.
std::string in_words(const Analysis& analysis);

// Writes report.html (self-contained: Plotly's script at `plotly_script` is copied into it),
// report.json, results.csv (one row a run) and curves.csv (one row a validation point) into
// `folder`, each atomically. Returns the path of the page.
std::filesystem::path write_report(const Analysis& analysis, const std::filesystem::path& folder,
                                   const std::filesystem::path& plotly_script);

}  // namespace superpose::report
