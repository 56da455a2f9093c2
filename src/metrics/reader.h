// The records of a run, read back from metrics.jsonl or a table.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "metrics/records.h"

namespace superpose::metrics {

// All records of one run, in order of their file.
struct RunRecords {
  RunHeader header;  // the last one
  std::vector<StepRecord> steps;
  std::vector<ValidationRecord> validations;
  std::vector<TaskRecord> tasks;
  std::optional<FinalRecord> final_scores;
  std::vector<EventRecord> events;
  std::optional<SummaryRecord> summary;
};

// What a file that a run would keep its records in holds so far.
enum class FoundRecords {
  kNone,     // there is no file, or a kill left it without the whole of its first line
  kSome,     // its first line is a header
  kForeign,  // something else: it is not a run's
};
FoundRecords find_records(const std::filesystem::path& path);

// Reads JSON lines. A last line without its newline was cut off by a kill and is left out; any
// other bad line, no header at all, or headers whose fingerprints differ throw util::Error naming
// file, line and field.
RunRecords read_json_lines(const std::filesystem::path& path);

// Reads the table form: one row per validation point, column names in the first line
// (docs/formats/metrics.md). A missing column or value throws util::Error naming file, line and
// column.
RunRecords read_csv(const std::filesystem::path& path);

// Folder (its metrics.jsonl, else metrics.csv) or file (.csv: table, else JSON lines).
RunRecords read_run(const std::filesystem::path& path);

}  // namespace superpose::metrics
