// Checks of values, for the fallbacks: at once on CPU, as an asynchronous assert on other devices.
// Never reached on meta.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace superpose::ops {

// Every id in [low, high) or equal to `also`.
void check_ids(const std::string& rule, const at::Tensor& ids, std::int64_t low, std::int64_t high,
               std::int64_t also);

// Every element of `holds` (bool) true; on failure the message is `rule`.
void check_all(const std::string& rule, const at::Tensor& holds);

// `holds` (bool, of the shape of `values`) true everywhere; on failure the message is `rule` and,
// on CPU, the first value for which it is not.
void check_values(const std::string& rule, const at::Tensor& values, const at::Tensor& holds);

}  // namespace superpose::ops
