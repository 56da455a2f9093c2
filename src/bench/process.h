// What Linux says of this process.
#pragma once

namespace superpose::bench {

// Seconds since the process was started (to 10 ms; an exec does not start it anew).
double seconds_since_start();

}  // namespace superpose::bench
