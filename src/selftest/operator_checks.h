// Every operator of a training step against its plain form in f64.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <vector>

#include "selftest/check.h"

namespace superpose::selftest {

// Outputs and gradients on `device`, in f32 and bf16, against compositions of libtorch's own
// operators in f64 on the CPU, on the same rounded operands. Error = largest absolute difference
// over the largest absolute value, the worst of output and gradients. Random operands, the same on
// every call.
std::vector<Check> check_operators(at::Device device);

// That error, of f64 CPU tensors; infinity where anything is not finite or the numbers differ.
double worst_error(const std::vector<at::Tensor>& results, const std::vector<at::Tensor>& expected);

}  // namespace superpose::selftest
