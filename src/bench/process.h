// What Linux says of this process.
#pragma once

#include <cstdint>

namespace superpose::bench {

// Seconds since the process was started (to 10 ms; an exec does not start it anew).
double seconds_since_start();

// The most memory that it has held in RAM so far (VmHWM).
std::int64_t peak_memory_bytes();

}  // namespace superpose::bench
