// Attention over cached keys and values on CPU, in f32.
#pragma once

#include <ATen/core/Tensor.h>

#include "ops/cached_attention.h"

namespace superpose::ops::cpu {

// Arguments as in the operator's schema, checked by the public function; f32.
at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const KeyValueSlots& cache, const at::Tensor& slots,
                            const at::Tensor& starts);

}  // namespace superpose::ops::cpu
