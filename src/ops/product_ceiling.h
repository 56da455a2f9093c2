// The speed of matrix products that `superpose bench` measures against.
#pragma once

#include <c10/core/ScalarType.h>

namespace superpose::ops {

// FLOP/s of packed matrix products that stay in cache, all of libtorch's threads at once: what a
// step's products can reach at best on this machine, and what shares are quoted against.
//
//   type     kFloat or kBFloat16
//   seconds  how long to measure, about
//
// The best of a few block shapes through the micro-kernels (cpu/micro_kernels.h), operands laid out
// as they read them. A square at::mm is measured too; for bf16 it alone counts on CPUs that do not
// multiply bf16 natively, where the micro-kernels refuse it. Throws c10::ValueError for another
// type.
double product_ceiling(c10::ScalarType type, double seconds);

}  // namespace superpose::ops
