// From tensors to the pointers that row kernels take.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {

// Elements of work that are worth a thread.
inline constexpr std::int64_t kElementGrain = 16'384;

// Grain of at::parallel_for over rows of `width` elements.
inline std::int64_t row_grain(std::int64_t width) {
  return std::max<std::int64_t>(1, kElementGrain / std::max<std::int64_t>(1, width));
}

// T is float for kFloat, Bf16 for kBFloat16.
template <class T>
const T* read(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

template <class T>
T* write(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

// Calls body.operator()<T>() with the T of x.
template <class Body>
void with_rows_of(const at::Tensor& x, const Body& body) {
  if (x.scalar_type() == at::kFloat) {
    body.template operator()<float>();
  } else {
    body.template operator()<Bf16>();
  }
}

// The one of two row functions that is for T.
template <class T, class F32, class Bf16Form>
auto choose(F32 f32, Bf16Form bf16) {
  if constexpr (std::is_same_v<T, float>) {
    return f32;
  } else {
    return bf16;
  }
}

}  // namespace superpose::ops::cpu
