// From phases and weights of sources to the rows of every step.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/batch_source.h"
#include "data/row_order.h"

namespace superpose::data {

// Where reading ends, in steps.
struct ReadingEnds {
  std::optional<std::int64_t> data;                  // the first step with no source left
  std::vector<std::optional<std::int64_t>> sources;  // the first step without each, by its limit
};

// Appends the rows of the plan's steps [first_step, total steps) to `rows`, which hold what was
// consumed before. A range of rows ends where the phase does, or where a source reaches its limit.
ReadingEnds plan_reading(RowOrder& rows, std::span<const RowSource> sources, const BatchPlan& plan);

// Weights of the sources in a phase: those that it names (others 0), else their own. Throws
// util::Error naming the sources that there are, for a name that is none of them.
std::vector<double> phase_weights(std::span<const std::string> names, std::span<const double> own,
                                  const std::map<std::string, double>& named);

// The first step of [first, second) after which `epoch_after` is beyond a number of epochs, but for
// rounding; nullopt where there is none. `epoch_after` never falls.
std::optional<std::int64_t> first_step_beyond(
    std::pair<std::int64_t, std::int64_t> steps, double epochs,
    const std::function<double(std::int64_t)>& epoch_after);

}  // namespace superpose::data
