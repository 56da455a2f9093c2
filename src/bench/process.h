// What Linux says of this process.
#pragma once

namespace superpose::bench {

// Seconds since the process was started (to 10 ms; an exec does not restart it).
double seconds_since_start();

}  // namespace superpose::bench
