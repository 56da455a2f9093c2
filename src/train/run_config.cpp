#include "train/run_config.h"

#include <algorithm>
#include <string>

#include "util/error.h"
#include "util/resources.h"

namespace superpose::train {

void TrainConfig::validate() const {
  util::require(steps >= 1, "train.steps: must be >= 1, got ", steps);
  util::require(sequence_length >= 1, "train.sequence_length: must be >= 1, got ", sequence_length);
  util::require(batch_positions >= sequence_length && batch_positions % sequence_length == 0,
                "train.batch_positions: must be a multiple of train.sequence_length (",
                sequence_length, "), got ", batch_positions);
  util::require(!micro_batch || *micro_batch >= 1,
                "train.micro_batch: must be \"auto\" or a number of rows >= 1, got ",
                micro_batch.value_or(0));
  util::require(recompute_every >= 0, "train.recompute_every: must be >= 0, got ", recompute_every);
  util::require(seed >= 0, "train.seed: must be >= 0, got ", seed);
  util::require(threads >= 0 && threads <= util::kMostThreads, "train.threads: must be in 0..",
                util::kMostThreads, ", got ", threads);
}

void CheckpointConfig::validate() const {
  util::require(every >= 0, "checkpoint.every: must be >= 0, got ", every);
  util::require(keep >= 0, "checkpoint.keep: must be >= 0, got ", keep);
}

void LogConfig::validate() const {
  util::require(every >= 1, "log.every: must be >= 1, got ", every);
}

void RunFolderConfig::validate() const {
  util::require(!dir.empty(), "run.dir: must name a folder, got an empty text");
}

void RunConfig::validate() const {
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const superposition::PhaseConfig& phase = phases[i];
    const std::string name = "phases[" + std::to_string(i) + "].";
    try {
      superposition::size_of(
          {.sequence_length = phase.sequence_length, .batch_positions = phase.batch_positions},
          train.step_size());
    } catch (const util::Error& error) {
      util::fail(name, error.what());
    }
    util::require(!data.document_aware || phase.bag_order == superposition::BagOrder::kContiguous,
                  name, "bag_order: must be \"contiguous\" with data.document_aware, got \"",
                  superposition::kBagOrderNames[static_cast<std::size_t>(phase.bag_order)], '"');
  }
  eval::check_validation_sets(validation);
  const bool scored = std::any_of(validation.begin(), validation.end(),
                                  [](const auto& set) { return set.is_held_out(); });
  util::require(scored || data.validation.empty(),
                "data.validation: holds out documents, so an entry of [[validation]] must score "
                "them (one without sources), got none");
}

std::vector<superposition::PhaseConfig> RunConfig::default_phases() {
  superposition::PhaseConfig superposed;
  superposed.share = 0.3;
  superposed.bag_size = 6;
  return {superposed};
}

}  // namespace superpose::train
