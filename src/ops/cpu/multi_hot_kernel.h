// The head and multi-hot cross-entropy on CPU.
#pragma once

#include "ops/multi_hot_problem.h"

namespace superpose::ops::cpu {

// The vectorised form of the head and loss on CPU, f32 and bf16. Shapes are checked by the caller,
// values here.
//
// The weight's gradient is added into an f32 grad_weight. A bf16 one, where writes_bf16_gradient
// says so, is written: the logits of all N rows are held, and one product over them is rounded.
MultiHotResult multi_hot(const MultiHotProblem& problem);

// Whether multi_hot should write a bf16 gradient of the weight: the CPU multiplies bf16, and the
// logits of all rows in bf16 take no more memory than a sum in f32, which is N <= 2 D.
bool writes_bf16_gradient(const at::Tensor& hidden);

}  // namespace superpose::ops::cpu
