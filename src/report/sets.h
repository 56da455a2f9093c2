// Losses by validation set.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/analysis.h"

namespace superpose::report {

// What the finished runs of each arm say at budget 1 about every validation set that the records
// name, the primary one first. An arm without a finished run is left out, as is a run whose last
// record lacks the set.
std::vector<SetSummary> summarize_sets(const Analysis& analysis);

// What the quoted losses of all results at budget 1 were measured on; none where a record does not
// say, or there is no result.
std::optional<Measured> quoted_text(const Analysis& analysis);

// The score of a set in a record, or null.
const metrics::SetScore* find_set(const metrics::ValidationRecord& record, const std::string& name);

}  // namespace superpose::report
