// `superpose selftest`: does this program compute the right thing on this machine, and how fast?
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "selftest/check.h"
#include "train/environment.h"
#include "train/run_config.h"
#include "util/json.h"

namespace superpose::selftest {

struct Options {
  train::DeviceChoice device = train::DeviceChoice::kAuto;
  std::string program;  // path of the program, for the runs that are killed
  std::vector<std::string> isa_levels = {"auto"};  // one by one, everything with each
  train::Machine machine;
};

// Steps of the demo's model: L 256, B 16.
struct Speed {
  std::string isa = {};        // as ops::isa_in_force
  std::string precision = {};  // "f32", "bf16"
  bench::Result result = {};
  double positions_per_second = 0;  // at bag size 1
};

struct Result {
  std::string device;
  std::vector<Check> checks;
  std::vector<Speed> speeds;
  std::int64_t peak_memory_bytes = 0;  // of this process; the killed runs are others
  double seconds = 0;

  bool passed() const;
};

// Operators against f64, a superposed step, kill and resume, step time for bag sizes 1 to 16 in f32
// and, where the device has it, bf16. A minute or two per level. Writes a line to `progress` before
// each part. Throws util::Error where the device is not there, or a level is not the CPU's; what
// fails later is a failed check.
Result run(const Options& options, std::ostream& progress);

void print(std::ostream& out, const Result& result);

// Everything, with the machine: for sending to whoever asks.
util::Json to_json(const Result& result, const train::Machine& machine);

}  // namespace superpose::selftest
