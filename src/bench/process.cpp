#include "bench/process.h"

#include <time.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "util/error.h"

namespace superpose::bench {

double seconds_since_start() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  // proc(5): the program's name, in parentheses, may hold anything; fields count from behind it.
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  constexpr int kFieldsBefore = 19;  // state is field 3, starttime field 22
  std::string skipped;
  for (int field = 0; field < kFieldsBefore; ++field) fields >> skipped;
  double ticks = 0;
  fields >> ticks;
  util::require(!fields.fail(), "bench: cannot read the start time from /proc/self/stat");
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9 -
         ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace superpose::bench
