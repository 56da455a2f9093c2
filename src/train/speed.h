// How fast training steps are on this machine.
#pragma once

#include <cstdint>
#include <string>

#include "distributed/collective.h"

namespace superpose::train {

struct Plan;
struct RunSpec;
struct Setup;

struct Speed {
  enum class Source { kSteps, kProducts };
  double flops_per_second = 0;  // all ranks together
  Source source = Source::kProducts;
};

// Where a figure comes from and what it is worth.
std::string describe(Speed::Source source);

// FLOP/s of f32 matrix products in this process, measured for a fifth of a second.
double measure_product_speed();

// From the speed of matrix products with `threads` of this process, as if `ranks` were as fast.
Speed guess_speed(std::int64_t threads, std::int64_t ranks);

// From a few steps of the run on its own batches, in about a second; what they train is thrown
// away. Where a step takes longer than some seconds, none is left, or the plan does not fit into
// memory, a guess. Every rank calls it; no rank takes steps that the others do not.
Speed measure_speed(const RunSpec& spec, const Setup& setup, const Plan& plan,
                    distributed::Collective& collective);

}  // namespace superpose::train
