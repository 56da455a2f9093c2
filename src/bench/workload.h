// What a benchmark trains on: random token ids in windows of a phase's shape.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/batch_source.h"
#include "superposition/phases.h"

namespace superpose::bench {

// A kind of step: a bag size with its targets and their objective.
struct Case {
  superposition::BagShape bags = {};
  std::vector<double> slot_weights = {1.0};  // [b], sum 1
  superposition::Objective objective = superposition::Objective::kMultiHot;

  // "4", or "1 to 4" where bags and targets differ in size; an objective other than multi_hot
  // follows by name.
  std::string name() const;
};

// Next-token prediction first, which the others are compared with; then those of `bags` (as many
// targets as tokens in a bag, equal weights) or, where `bags` is empty, those of the recipe's
// phases. No two have equal sizes and objectives. Throws util::Error for a bag size below 1.
std::vector<Case> cases_of(std::span<const std::int64_t> bags,
                           std::span<const superposition::Phase> phases);

struct BatchShape {
  std::int64_t rows = 1;
  std::int64_t sequence_length = 1;
  std::int64_t vocabulary = 1;
};

// Uniform ids, every target valid; a function of its arguments alone.
data::Batch random_batch(const Case& which, const BatchShape& shape, std::uint64_t seed);

}  // namespace superpose::bench
