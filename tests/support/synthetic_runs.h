// Made-up runs for tests of the report: records as a trainer writes them, with losses that follow
// simple curves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "metrics/records.h"
#include "report/experiment.h"

namespace superpose::test {

struct SyntheticRun {
  std::string arm = "baseline";
  std::int64_t seed = 1;
  double learning_rate = 0.004;
  double budget = 1;
  std::int64_t total_steps = 8000;
  std::int64_t first_step = 0;  // > 0: a branch, whose records begin after this step
  std::int64_t validate_every = 200;
  std::int64_t bag_size = 1;       // of the first 0.3 of the steps
  bool two_sets = false;           // "books", which is primary, and "code"
  bool says_scored = true;         // on how much text its losses are
  double final_loss = 1.1;         // the last validation loss, exactly
  double half_a_offset = -0.01;    // loss_half_a = loss + this; half B the opposite
  std::int64_t num_documents = 0;  // > 0: with final scores of as many documents, same final loss
  std::int64_t copies_from = 0;    // > 0: with the probe of copying, below -0.5 from this step on
  bool has_scalars = false;        // "update_ratio/matrix" and "update_ratio/vector" of each step
  bool routers = false;  // with routers of experts: a load of 2 up to the switch, then 1.5
  // With a score of the task "piqa" at each second validation and one of "words" at the end, and
  // samples of two prompts.
  bool has_tasks = false;
  std::string questions = "0123456789abcdef";  // fingerprint of what "piqa" asks
  bool finished = true;
  double flops_per_position = 3.5e6;
  std::string isa = {};
  metrics::Fingerprints fingerprints = {"recipe-1", "data-1", "validation-1"};
};

// All records, in the order in which a trainer writes them.
std::vector<metrics::Record> synthetic_records(const SyntheticRun& run);

// Writes <folder>/metrics.jsonl.
void write_synthetic_run(const std::filesystem::path& folder, const SyntheticRun& run);

// A run of an experiment: its records below `root` and its entry for experiment.json.
report::RunEntry add_synthetic_run(const std::filesystem::path& root, const SyntheticRun& run,
                                   report::Role role);

}  // namespace superpose::test
