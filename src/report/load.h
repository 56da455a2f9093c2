// The runs of an experiment, read from their records.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/analysis.h"

namespace superpose::report {

// Reads every run of the experiment that has records, puts a trunk's part in front of its branches,
// and fills what a Run derives from its records. Runs that have not started are named in `notes`,
// as are unfinished ones. Throws util::Error where fingerprints differ, where two runs claim the
// same place, or where a record lacks a field that `quoted` needs.
std::vector<Run> load_runs(const Experiment& experiment, QuotedLoss quoted,
                           std::vector<std::string>& notes);

// "Not run yet: tst, seed 1.": the note of a run without records.
std::string not_run_note(const RunEntry& entry);

// Loss of a validation record as quoted, where it has it; the second throws, `where` first.
std::optional<double> find_quoted_loss(const metrics::ValidationRecord& record, QuotedLoss quoted);
double loss_as_quoted(const metrics::ValidationRecord& record, QuotedLoss quoted,
                      const std::string& where);

// Step at which superposition ends for good (0: the run has none, or never ends it).
std::int64_t switch_step_of(const metrics::RunHeader& header);
bool is_superposed(const metrics::RunHeader& header);

// Steps finished when the learning rate begins to decay, of a run with `optim.schedule = "wsd"`;
// none where its settings do not say or it has no such decay.
std::optional<std::int64_t> decay_start_of(const metrics::RunHeader& header);

}  // namespace superpose::report
