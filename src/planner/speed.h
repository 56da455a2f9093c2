// How fast a model trains on this machine, for a budget in hours.
#pragma once

#include "train/environment.h"
#include "train/run_config.h"

namespace superpose::planner {

// Positions per second of the train step with next-token prediction, measured for some seconds on
// random ids (bench/measure.h). A step here has at most 4,096 positions: a larger one is a little
// faster for a position. Throws util::Error where the model does not fit into memory.
double measure_positions_per_second(train::RunConfig config, std::int64_t vocabulary,
                                    const train::Machine& machine);

}  // namespace superpose::planner
