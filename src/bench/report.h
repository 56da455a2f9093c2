// A measurement as text for people and as JSON for programs.
#pragma once

#include <iosfwd>

#include "bench/measure.h"
#include "bench/session.h"
#include "train/environment.h"
#include "util/json.h"

namespace superpose::bench {

// What was set up: model shape, parameters, FLOPs per position, cases, batch, precision, threads,
// optimizer.
util::Json settings(const Session& session);

// settings(), the machine, and every number of `result`; times in seconds, rates in FLOP/s or
// bytes/s (bench/README.md).
util::Json to_json(const Session& session, const Result& result, const train::Machine& machine);

void print_settings(std::ostream& out, const Session& session, const train::Machine& machine);
void print_result(std::ostream& out, const Session& session, const Result& result);

}  // namespace superpose::bench
