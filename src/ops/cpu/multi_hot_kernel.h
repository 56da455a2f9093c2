// The head and multi-hot cross-entropy on CPU.
#pragma once

#include "ops/multi_hot_problem.h"

namespace superpose::ops::cpu {

// The vectorised form of the head and loss on CPU, f32 and bf16. Shapes are checked by the caller,
// values here.
MultiHotResult multi_hot(const MultiHotProblem& problem);

}  // namespace superpose::ops::cpu
