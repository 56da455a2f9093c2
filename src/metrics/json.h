// Records to and from the lines of metrics.jsonl.
#pragma once

#include <string>

#include "metrics/records.h"
#include "util/json.h"

namespace superpose::metrics {

// Record <-> one line of metrics.jsonl. "kind" names the record; headers carry "schema".
util::Json to_json(const Record& record);

// `where` ("file:line") opens every error: an unknown kind, a newer schema, a required field that
// is missing or of the wrong type, by name. Required: header seed, flops_per_position, phases and
// the three fingerprints; validation step, positions, raw_tokens, seconds, loss; task step, name,
// scores; step, event and summary their "step". The rest has defaults.
Record from_json(const util::Json& json, const std::string& where);

}  // namespace superpose::metrics
