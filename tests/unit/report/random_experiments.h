// Experiments of every kind that the report may be given, drawn at random from a seed: several
// arms, seeds, budgets and validation sets; schedules of several bag sizes; a grid of rates; ties,
// losses of any size, noise figures, final scores, the probe of copying, runs that are missing or
// unfinished; records of other trainers without the optional fields.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "metrics/records.h"
#include "report/experiment.h"

namespace superpose::test {

struct MadeRun {
  report::RunEntry entry;
  metrics::RunHeader header;
  std::vector<metrics::ValidationRecord> validations;
  std::optional<metrics::FinalRecord> final_scores = {};
  bool finished = true;

  double quoted(std::size_t point, bool half_b) const {
    return half_b ? *validations[point].loss_half_b : validations[point].loss;
  }
};

struct MadeExperiment {
  report::Experiment experiment;
  std::vector<MadeRun> runs;  // those that have records

  // The finished result of an arm at budget 1 that is quoted, or null.
  const MadeRun* find(const std::string& arm, std::int64_t seed) const;
  bool quotes_half_b() const { return experiment.tuning_seed.has_value(); }
};

// Writes the records of the runs below `root`.
MadeExperiment make_random_experiment(const std::filesystem::path& root, std::uint32_t seed);

}  // namespace superpose::test
