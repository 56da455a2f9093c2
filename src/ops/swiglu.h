// The activation of the feed-forward layer.
#pragma once

#include <ATen/core/Tensor.h>

namespace superpose::ops {

// silu(gate) * up (Shazeer 2020, "GLU variants improve transformer", eq. 6), with both in one
// tensor as one product makes them.
//
//   gate_up  [N, 2 F]  f32, bf16 or f64: gate in the first F columns, up in the others; N may be 0
//   returns  [N, F]    dtype of gate_up; computed in f32 (f64)
//
// Keeps gate_up alone for backward, which may not be differentiated again. Throws ValueError on a
// wrong shape or dtype.
at::Tensor swiglu(const at::Tensor& gate_up);

}  // namespace superpose::ops
