#include "train/environment.h"

#include <ATen/Parallel.h>
#include <sched.h>
#include <torch/version.h>

#include <algorithm>
#include <sstream>
#include <thread>

#include "util/json_fields.h"

namespace superpose::train {

std::string differences(const Environment& before, const Environment& now) {
  const util::Json old_values = util::fields_to_json(before);
  const util::Json new_values = util::fields_to_json(now);
  std::ostringstream text;
  for (const auto& [key, value] : old_values.items()) {
    if (value == new_values.at(key)) continue;
    if (text.tellp() > 0) text << ", ";
    text << key << ' ' << value.dump() << " -> " << new_values.at(key).dump();
  }
  return text.str();
}

std::int64_t available_cores() {
  // The affinity mask knows of taskset and of containers pinned to cores.
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) return std::max(1, CPU_COUNT(&mask));
  return std::max<std::int64_t>(1, std::thread::hardware_concurrency());
}

std::string libtorch_version() { return TORCH_VERSION; }

ThreadScope::ThreadScope(std::int64_t threads) : before_(at::get_num_threads()) {
  at::set_num_threads(static_cast<int>(threads));
}

ThreadScope::~ThreadScope() { at::set_num_threads(before_); }

}  // namespace superpose::train
