// The report: analyse an experiment, say the result in words, write the files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "report/analysis.h"
#include "report/experiment.h"
#include "util/output_folder.h"

namespace superpose::report {

// Reads the runs and works out every outcome (analysis.h). Unfinished runs are left out and named
// in the notes; no finished pair at all is not an error (the page says so). Throws util::Error for
// records that do not fit the schema and for runs whose recipe, data or validation fingerprints
// differ, naming both.
Analysis analyze(const Experiment& experiment);

// The result in words that a newcomer understands, as lines of plain text.
std::string in_words(const Analysis& analysis);

// The folder that a comparison or a report is written to. Where no marker lists a file but the
// folder holds a comparison, what earlier versions wrote there is recognized by its content.
util::OutputFolder open_output(const std::filesystem::path& folder, util::Overwrite overwrite);

// What write_report writes.
inline const std::vector<std::string> kReportFiles = {"report.json", "results.csv", "curves.csv",
                                                      "report.html"};

// Writes report.html (self-contained: Plotly's script at `plotly_script` is copied into it),
// report.json, results.csv (one row per run) and curves.csv (one row per validation point) into
// `folder`: all of them, or none where one must not be replaced or there is no room for it. Returns
// the path of the page.
std::filesystem::path write_report(const Analysis& analysis, const util::OutputFolder& folder,
                                   const std::filesystem::path& plotly_script);

}  // namespace superpose::report
