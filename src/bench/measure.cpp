#include "bench/measure.h"

#include <algorithm>
#include <cmath>

#include "bench/process.h"
#include "util/error.h"
#include "util/process.h"

namespace superpose::bench {
namespace {

// Recorded steps per case, at least.
constexpr std::int64_t kRecordedSteps = 3;

void take_first_steps(Session& session, const MeasureOptions& options, Result& result) {
  for (std::size_t index = 0; index < session.cases().size(); ++index) {
    CaseResult item;
    item.which = session.cases()[index];
    session.reset();
    item.first_losses = session.run(index, 1).losses;
    if (index == 0) result.first_step_seconds = seconds_since_start();
    const TimedBlock rest = session.run(index, kFirstSteps - 1);
    item.first_losses.insert(item.first_losses.end(), rest.losses.begin(), rest.losses.end());
    const double seconds = rest.seconds / static_cast<double>(rest.steps);
    item.block_steps =
        std::max<std::int64_t>(1, std::llround(std::ceil(options.block_seconds / seconds)));
    result.cases.push_back(std::move(item));
  }
}

void take_timed_blocks(Session& session, const MeasureOptions& options, Result& result) {
  for (std::int64_t round = 0; round < options.num_blocks; ++round) {
    result.ceilings.push_back(session.measure_ceiling());
    for (std::size_t index = 0; index < result.cases.size(); ++index) {
      CaseResult& item = result.cases[index];
      const TimedBlock block = session.run(index, item.block_steps);
      item.step_seconds.push_back(block.seconds / static_cast<double>(block.steps));
    }
  }
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

Result measure(Session& session, const MeasureOptions& options) {
  util::require(options.num_blocks >= 1, "--blocks: must be >= 1, got ", options.num_blocks);
  util::require(options.block_seconds >= 0, "--block-seconds: must be >= 0, got ",
                options.block_seconds);
  Result result;
  take_first_steps(session, options, result);
  take_timed_blocks(session, options, result);
  result.ceiling = spread_of(result.ceilings);
  result.peak_memory_bytes = util::peak_memory_bytes();
  for (std::size_t index = 0; index < result.cases.size(); ++index) {
    CaseResult& item = result.cases[index];
    item.step = spread_of(item.step_seconds);
    std::vector<double> ratios;
    for (std::size_t round = 0; round < item.step_seconds.size(); ++round) {
      ratios.push_back(item.step_seconds[round] / result.cases[0].step_seconds[round]);
    }
    item.ratio = spread_of(std::move(ratios));
    item.parts = session.run_recorded(index, std::max(kRecordedSteps, item.block_steps));
  }
  return result;
}

}  // namespace superpose::bench
