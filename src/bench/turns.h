// Measuring alternately with other programs: one process of each, driven line by line.
#pragma once

#include <iosfwd>

#include "bench/session.h"

namespace superpose::bench {

// Reads commands from `in` and answers each by one line of JSON on `out`:
//
//   (at once)  {"ready": true, settings}
//   reset      {"reset": true}                                         initial weights
//   step I N   {"case": I, "steps": N, "seconds": s, "losses": [..]}   N timed steps of case I
//   ceiling    {"ceiling": FLOP/s}
//   status     {"peak_memory_bytes": n, "first_step_seconds": s}       null before any step
//
// Ends with the input. Throws util::Error for anything else.
void take_turns(Session& session, std::istream& in, std::ostream& out);

}  // namespace superpose::bench
