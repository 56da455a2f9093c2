// How far an optimizer step moves the weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "model/flat_parameters.h"

namespace superpose::optim {

// For each role that some weight has, by its name ("matrix", "embedding", "head", "vector"): norm
// of the change over norm of the weights before it; 0 where those are all zero. `before` is a copy
// of parameters.master() from before the step. The same bits for any number of threads.
std::vector<std::pair<std::string, double>> update_ratios(const model::FlatParameters& parameters,
                                                          const at::Tensor& before);

}  // namespace superpose::optim
