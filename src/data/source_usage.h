// How much of each source each phase reads, for plans and `superpose data mix`.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "data/batch_source.h"
#include "superposition/phases.h"

namespace superpose::data {

// What one source gives to one phase of a run.
struct PhaseUsage {
  double share = 0;             // of the tokens, by the weights alone
  std::int64_t rows = 0;        // in this phase, all ranks
  std::int64_t raw_tokens = 0;  // in this phase; with document_aware by the mean of sampled lanes
  double epochs = 0;            // read by the phase's end, all earlier ones counted
};

struct SourceUsage {
  std::string name;
  std::int64_t tokens = 0;  // available
  std::vector<PhaseUsage> phases;
  std::optional<std::int64_t> repeats_from;  // first step that reads text again, past ones too
  std::optional<std::int64_t> used_up_from;  // first step without it, by its limit
};

// Of a run that source.first_step() begins; phases before it count as nothing. `phases` are those
// of the source's plan.
std::vector<SourceUsage> usage_by_source(const BatchSource& source,
                                         const std::vector<superposition::Phase>& phases);

// A table for each phase, then where sources end or begin again and where the data do.
void print_usage(std::ostream& out, const BatchSource& source,
                 const std::vector<superposition::Phase>& phases);

}  // namespace superpose::data
