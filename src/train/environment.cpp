#include "train/environment.h"

#include <ATen/Parallel.h>
#include <sched.h>
#include <torch/version.h>

#include <algorithm>
#include <sstream>
#include <thread>

namespace superpose::train {

util::Json to_json(const Environment& environment) {
  return util::Json{{"threads", environment.threads},
                    {"ranks", environment.ranks},
                    {"micro_batch", environment.micro_batch},
                    {"device", environment.device},
                    {"cpu", environment.cpu},
                    {"kernels", environment.kernels},
                    {"libtorch", environment.libtorch}};
}

Environment environment_from_json(const util::Json& json) {
  Environment environment;
  json.at("threads").get_to(environment.threads);
  json.at("ranks").get_to(environment.ranks);
  json.at("micro_batch").get_to(environment.micro_batch);
  json.at("device").get_to(environment.device);
  json.at("cpu").get_to(environment.cpu);
  json.at("kernels").get_to(environment.kernels);
  json.at("libtorch").get_to(environment.libtorch);
  return environment;
}

std::string differences(const Environment& before, const Environment& now) {
  const util::Json old_values = to_json(before);
  const util::Json new_values = to_json(now);
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
