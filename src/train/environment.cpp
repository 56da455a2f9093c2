#include "train/environment.h"

#include <ATen/Parallel.h>
#include <torch/version.h>

#include <sstream>

#include "util/json_fields.h"

namespace superpose::train {

namespace {

// "avx512" of "swiglu:avx512 adamw_update:avx512": one level where all operators have the same.
std::string one_level(const std::string& kernels) {
  std::istringstream words(kernels);
  std::string level;
  for (std::string word; words >> word;) {
    const std::string own = word.substr(word.find(':') + 1);  // of npos: the whole word
    if (!level.empty() && own != level) return kernels;
    level = own;
  }
  return level;
}

// In full where the levels alone do not tell them apart.
std::string kernel_change(const std::string& before, const std::string& now) {
  const std::string from = one_level(before);
  const std::string to = one_level(now);
  return from == to ? before + " -> " + now : from + " -> " + to;
}

}  // namespace

std::string differences(const Environment& before, const Environment& now) {
  const util::Json old_values = util::fields_to_json(before);
  const util::Json new_values = util::fields_to_json(now);
  std::ostringstream text;
  for (const auto& [key, value] : old_values.items()) {
    if (value == new_values.at(key)) continue;
    if (text.tellp() > 0) text << ", ";
    text << key << ' ';
    if (key == "kernels") {
      text << kernel_change(before.kernels, now.kernels);
    } else {
      text << value.dump() << " -> " << new_values.at(key).dump();
    }
  }
  return text.str();
}

std::string libtorch_version() { return TORCH_VERSION; }

ThreadScope::ThreadScope(std::int64_t threads) : before_(at::get_num_threads()) {
  at::set_num_threads(static_cast<int>(threads));
}

ThreadScope::~ThreadScope() { at::set_num_threads(before_); }

}  // namespace superpose::train
