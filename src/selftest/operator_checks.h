// Every operator of a training step against its plain form in f64.
#pragma once

#include <c10/core/Device.h>

#include <vector>

#include "selftest/check.h"

namespace superpose::selftest {

// Outputs and gradients on `device`, in f32 and bf16, against compositions of libtorch's own
// operators in f64 on the CPU, on the same rounded operands. Error = largest absolute difference
// over the largest absolute value, the worst of output and gradients. Random operands, the same on
// every call.
std::vector<Check> check_operators(at::Device device);

}  // namespace superpose::selftest
