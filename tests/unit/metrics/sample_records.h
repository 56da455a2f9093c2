// Small records with a value of its own in every field that matters.
#pragma once

#include <cstdint>
#include <optional>

#include "metrics/records.h"

namespace superpose::metrics {

inline RunHeader sample_header() {
  RunHeader header;
  header.run_name = "tst seed 3";
  header.arm = "tst";
  header.seed = 3;
  header.learning_rate = 0.004;
  header.flops_per_position = 3.5e6;
  header.total_steps = 1000;
  header.train_tokens = 1'000'000'000'000;
  header.phases = {{0, 300, 4, 4}, {300, 700, 1, 1}};
  header.versions = {{"superpose", "0.1.0"}};
  header.settings = {{"train.threads", "2", true}};
  header.fingerprints = {"r", "d", "v"};
  return header;
}

inline StepRecord sample_step(std::int64_t step) {
  StepRecord record;
  record.step = step;
  record.loss = 2.5;
  record.positions = 4096 * step;
  record.raw_tokens = 4 * 4096 * step;
  record.seconds = 0.5 * static_cast<double>(step);
  record.wait_seconds = 0.05 * static_cast<double>(step);
  return record;
}

inline ValidationRecord sample_validation(std::int64_t step, double loss) {
  ValidationRecord record;
  record.step = step;
  record.positions = 4096 * step;
  record.loss = loss;
  return record;
}

// Of a task with choices.
inline TaskRecord sample_task(std::int64_t step) {
  TaskRecord record;
  record.step = step;
  record.positions = 4096 * step;
  record.name = "piqa";
  record.items = 200;
  record.fingerprint = "0123456789abcdef";
  record.scores = {{"acc", 0.5625}, {"bits_per_byte", 1.1875}};
  record.errors = {{"acc", 0.03125}};
  record.chance = {{"acc", 0.5}, {"bits_per_byte", 8.25}};
  return record;
}

inline SetScore sample_set(const char* name, double loss, std::optional<double> bits_per_byte) {
  SetScore set;
  set.name = name;
  set.loss = loss;
  set.bits_per_byte = bits_per_byte;
  return set;
}

// Sets "books", which is primary, and "code", whose bytes are not known.
inline ValidationRecord sample_validation_of_two(std::int64_t step) {
  ValidationRecord record = sample_validation(step, 1.25);
  record.bits_per_byte = 1.75;
  record.sets = {sample_set("books", 1.25, 1.75), sample_set("code", 2, std::nullopt)};
  record.sets.front().scored = ScoredText{4096, 63};
  record.scored = record.sets.front().scored;
  return record;
}

inline SummaryRecord sample_summary(std::int64_t step) {
  SummaryRecord record;
  record.step = step;
  record.seconds = 65;
  record.evaluation_seconds = 5;
  return record;
}

}  // namespace superpose::metrics
