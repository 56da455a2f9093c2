#include "planner/speed.h"

#include <algorithm>

#include "bench/measure.h"
#include "bench/session.h"
#include "model/accounting.h"
#include "util/error.h"
#include "util/resources.h"
#include "util/text.h"

namespace superpose::planner {
namespace {

constexpr std::int64_t kPositions = 4096;
constexpr std::int64_t kOptimizerBytes = 8;  // of a parameter, AdamW

}  // namespace

double measure_positions_per_second(train::RunConfig config, std::int64_t vocabulary,
                                    const train::Machine& machine) {
  train::TrainConfig& train = config.train;
  const std::int64_t rows = std::max<std::int64_t>(1, kPositions / train.sequence_length);
  train.batch_positions = std::min(train.rows_per_step(), rows) * train.sequence_length;
  config.phases.clear();
  const model::ModelConfig model = model::resolve(config.model, vocabulary);
  config.model.vocab_size = model.vocab_size;
  const std::int64_t bytes =
      model::estimate_memory(model, {.rows = 1, .sequence_length = train.sequence_length}).total() +
      kOptimizerBytes * model::parameter_count(model);
  const util::Memory memory = util::memory();
  util::require(memory.bytes == 0 || bytes <= memory.bytes, "--hours: a step of this model takes ",
                util::format_bytes(static_cast<std::uint64_t>(bytes)), ", more than the ",
                util::format_bytes(static_cast<std::uint64_t>(memory.bytes)),
                " of this machine: give the budget as --flops");
  bench::Session session(config, {}, machine);
  const bench::Result result = bench::measure(session, {.num_blocks = 3, .block_seconds = 0.5});
  return static_cast<double>(train.batch_positions) / result.cases.front().step.median;
}

}  // namespace superpose::planner
