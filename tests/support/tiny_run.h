// A run of a few thousand parameters on a made-up corpus: whole runs in tests, in a fraction of a
// second. Programs that use it link train, config and ops.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "train/run.h"

namespace superpose::test {

// Writes 40 training documents of about 1,500 bytes and 12 validation documents of about 500 below
// `folder`: words of a small vocabulary, so that there is something to learn. The same text on
// every call.
void write_tiny_corpus(const std::filesystem::path& folder);

// 20 steps of 8 rows of 16 positions; bags of 3 in the first 6 steps; records of every step,
// checkpoints every 5 steps, all of them kept, one thread. Corpus and cache below `folder`
// (written by write_tiny_corpus), run folder <folder>/runs/<name>.
train::RunConfig tiny_config(const std::filesystem::path& folder, const std::string& name);

// The spec of a config, as a caller of train::run makes it.
train::RunSpec make_spec(const train::RunConfig& config);

// train::run in one process.
train::RunResult run_alone(const train::RunSpec& spec);
train::RunResult run_alone(const train::RunConfig& config);

// What must be equal where two runs are the same run: every tensor of a checkpoint by its bytes
// (model and optimizer files), and what it consumed.
struct Fingerprint {
  std::string model, optimizer;  // hashes of the files
  std::string ids_hash;
  std::string consumed;  // JSON

  bool operator==(const Fingerprint&) const = default;
};
Fingerprint fingerprint_of(const std::filesystem::path& checkpoint);

// The checkpoint of a step in a run's folder.
std::filesystem::path checkpoint_of(const train::RunConfig& config, std::int64_t step);

// Losses of the step records and of the validation records in a run's metrics.jsonl, in order.
std::vector<double> losses_of(const std::filesystem::path& run_folder);

// Largest absolute difference between the weights of two checkpoints.
double largest_difference(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace superpose::test
