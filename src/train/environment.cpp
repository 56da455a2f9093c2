#include "train/environment.h"

#include <ATen/Parallel.h>
#include <torch/version.h>

#include <sstream>

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

std::string libtorch_version() { return TORCH_VERSION; }

ThreadScope::ThreadScope(std::int64_t threads) : before_(at::get_num_threads()) {
  at::set_num_threads(static_cast<int>(threads));
}

ThreadScope::~ThreadScope() { at::set_num_threads(before_); }

}  // namespace superpose::train
