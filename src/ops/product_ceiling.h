#pragma once

#include <c10/core/ScalarType.h>

namespace superpose::ops {

// FLOP/s of packed matrix products that stay in cache, all of libtorch's threads at once: what a
// step's products can reach at best on this machine, and what shares are quoted against.
//
//   type     kFloat or kBFloat16
//   seconds  how long to measure, about
//
// The best of a few block shapes through ATen's brgemm, operands laid out as its kernels read them.
// Where brgemm has no kernel for `type` the number is low, and a square at::mm, which is measured
// beside it, counts. Throws c10::ValueError for another type.
double product_ceiling(c10::ScalarType type, double seconds);

}  // namespace superpose::ops
